//! Texts without their case and accents, so that they are found and ordered alike on every engine.

use unicode_normalization::UnicodeNormalization as _;

/// The text in lower case and without accents: "Crème BRÛLÉE" becomes "creme brulee", "Łódź" "lodz". Marks that make another letter of
/// one, as in Japanese or Hindi, stay.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let lower = text.chars().flat_map(char::to_lowercase).map(without_final_form);
    let bare = lower.nfd().filter(|character| !is_accent(*character)).nfc();
    let mut folded = String::with_capacity(text.len());
    for character in bare {
        match plain_letters(character) {
            Some(letters) => folded.push_str(letters),
            None => folded.push(character),
        }
    }
    folded
}

/// How people write a Latin letter who do not have it on their keyboard. It has no accent that Unicode could take off.
fn plain_letters(character: char) -> Option<&'static str> {
    Some(match character {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ħ' => "h",
        'ı' => "i",
        'ł' => "l",
        'ŧ' => "t",
        _ => return None,
    })
}

/// A sigma at the end of a word is written in another way.
fn without_final_form(character: char) -> char {
    if character == 'ς' { 'σ' } else { character }
}

/// The blocks of combining diacritical marks, and the vowel points of Hebrew and Arabic.
fn is_accent(character: char) -> bool {
    matches!(
        character,
        '\u{300}'..='\u{36f}'
            | '\u{591}'..='\u{5bd}'
            | '\u{5bf}'
            | '\u{5c1}'..='\u{5c2}'
            | '\u{5c4}'..='\u{5c5}'
            | '\u{5c7}'
            | '\u{64b}'..='\u{652}'
            | '\u{670}'
            | '\u{1ab0}'..='\u{1aff}'
            | '\u{1dc0}'..='\u{1dff}'
            | '\u{20d0}'..='\u{20ff}'
            | '\u{fe20}'..='\u{fe2f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_go() {
        for (text, folded) in [
            ("", ""),
            ("Buy MILK", "buy milk"),
            ("Crème BRÛLÉE", "creme brulee"),
            ("e\u{301}\u{327}", "e"),
            ("İstanbul", "istanbul"),
            ("ΟΔΟΣ οδός", "οδοσ οδοσ"),
            ("Ёлка", "елка"),
            ("Łódź STRASSE Straße STRAẞE", "lodz strasse strasse strasse"),
            ("Ærø, Đorđe, Œuvre, Ǿ", "aero, dorde, oeuvre, o"),
            ("שָׁלוֹם", "שלום"),
            ("\u{301}", ""),
        ] {
            assert_eq!(fold(text), folded, "{text}");
        }
    }

    #[test]
    fn marks_that_make_another_letter_stay() {
        for text in ["が", "か\u{3099}", "हिन्दी", "가각"] {
            let composed: String = text.nfc().collect();
            assert_eq!(fold(text), composed, "{text}");
        }
    }

    #[test]
    fn what_is_folded_stays_as_it_is() {
        for text in [
            "Crème BRÛLÉE",
            "İ",
            "ΣΑΣ",
            "ǅ",
            "\u{1f82}",
            "Ω\u{345}",
            "\u{1d15e}",
            "각\u{11a8}",
        ] {
            let folded = fold(text);
            assert_eq!(fold(&folded), folded, "{text}");
        }
    }

    /// A key of an index on PostgreSQL takes 2704 bytes at most.
    #[test]
    fn no_character_grows_beyond_measure() {
        for character in '\0'..=char::MAX {
            let folded = fold(&character.to_string());
            assert!(folded.len() <= 12, "{character:?} becomes {folded:?}");
        }
    }
}
