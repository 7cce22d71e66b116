//! Which passwords may be chosen (NIST SP 800-63B-4, section 3.1.1.2): long enough, and not among the first
//! that would be tried. No rules about kinds of characters.

use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;
use zxcvbn::{Score, zxcvbn};

use crate::error::PasswordRefusal;

/// The most bytes of a password, before anything is done with it.
pub(super) const MAX_BYTES: usize = 1024;
/// What zxcvbn must say at least: "safely unguessable".
const LEAST_SCORE: Score = Score::Three;

/// A password as it is hashed: NFC, so that it does not matter how a keyboard composes it.
pub fn normalised(password: &str) -> Zeroizing<String> {
    Zeroizing::new(password.nfc().collect())
}

/// Whether its length will do. Characters are code points.
pub(super) fn check_length(password: &str, minimum: usize) -> Result<(), PasswordRefusal> {
    if password.len() > MAX_BYTES {
        return Err(PasswordRefusal::TooLong);
    }
    if normalised(password).chars().count() < minimum {
        return Err(PasswordRefusal::TooShort { minimum });
    }
    Ok(())
}

/// Whether it is hard enough to guess for somebody who knows the context. Takes milliseconds.
pub(super) fn check_strength(password: &str, context: &[String]) -> Result<(), PasswordRefusal> {
    let context: Vec<&str> = context.iter().map(String::as_str).collect();
    let estimate = zxcvbn(password, &context);
    if estimate.score() >= LEAST_SCORE {
        return Ok(());
    }
    let warning = estimate.feedback().and_then(zxcvbn::feedback::Feedback::warning);
    let why = warning.map_or_else(
        || "add words or characters that do not follow from each other.".to_owned(),
        |warning| warning.to_string(),
    );
    Err(PasswordRefusal::TooCommon(why))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PW-03: each code point counts one, and any kind of character will do.
    #[test]
    fn length_is_counted_in_code_points() {
        assert!(check_length(&"🦀".repeat(12), 12).is_ok());
        assert_eq!(
            check_length(&"🦀".repeat(11), 12),
            Err(PasswordRefusal::TooShort { minimum: 12 })
        );
        // Eleven letters with combining accents are eleven characters once composed.
        assert_eq!(
            check_length(&"e\u{301}".repeat(11), 12),
            Err(PasswordRefusal::TooShort { minimum: 12 })
        );
        assert!(check_length(&"a".repeat(1024), 12).is_ok());
        assert_eq!(check_length(&"a".repeat(1025), 12), Err(PasswordRefusal::TooLong));
    }

    /// PW-06, PW-07: what is common, or follows from the person, is refused.
    #[test]
    fn what_is_easy_to_guess_is_refused() {
        let context = ["margarethe".to_owned(), "holdfast".to_owned(), "example.com".to_owned()];
        for password in [
            "password1234",
            "123456789012",
            "qwertyuiopas",
            "aaaaaaaaaaaaaaa",
            "iloveyou1234",
            "margarethe12",
            "MARGARETHE2026",
            "holdfast1234",
            "HoldfastHoldfast",
            "example.com1",
        ] {
            assert!(
                matches!(check_strength(password, &context), Err(PasswordRefusal::TooCommon(_))),
                "{password}"
            );
        }
        for password in [
            "correct horse battery staple",
            "vN8#kQ2!pXw9",
            "80 blaue Elefanten tanzen",
            "🦀🐙🦑🐠🐡🦈🐳🐋🐬🦭🐟🦐",
        ] {
            assert_eq!(check_strength(password, &context), Ok(()), "{password}");
        }
    }
}
