//! Certificates of authorities of a test's own, made by `openssl`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// An authority that certifies, in a directory of its own.
pub struct TestAuthority {
    directory: PathBuf,
}

/// What it certified: a chain and its key, both in PEM.
#[derive(Clone, Debug)]
pub struct TestCertificate {
    /// The file with the certificate.
    pub certificate: PathBuf,
    /// The file with its key.
    pub key: PathBuf,
}

impl TestAuthority {
    /// A new one, which keeps its files in a directory that does not exist yet.
    ///
    /// # Panics
    /// If `openssl` cannot be run.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub fn new(directory: PathBuf) -> Self {
        fs::create_dir(&directory).expect("the directory can be made");
        let authority = Self { directory };
        authority.openssl(&format!(
            "req -x509 {NEW_KEY} -days 2 -subj /CN=Authority -keyout authority.key -out authority.pem"
        ));
        authority
    }

    /// The file with the certificate of the authority itself.
    pub fn certificate(&self) -> PathBuf {
        self.directory.join("authority.pem")
    }

    /// A certificate for `localhost` and `127.0.0.1`, in files of that name.
    ///
    /// # Panics
    /// As [`TestAuthority::new`].
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub fn certify(&self, name: &str) -> TestCertificate {
        let names = "subjectAltName=DNS:localhost,IP:127.0.0.1\n";
        fs::write(self.directory.join("names"), names).expect("the directory can be written");
        self.openssl(&format!(
            "req {NEW_KEY} -subj /CN={name} -keyout {name}.key -out {name}.request"
        ));
        self.openssl(&format!(
            "x509 -req -in {name}.request -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -extfile names \
             -out {name}.pem"
        ));
        TestCertificate {
            certificate: self.directory.join(format!("{name}.pem")),
            key: self.directory.join(format!("{name}.key")),
        }
    }

    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    fn openssl(&self, words: &str) {
        let output = Command::new("openssl")
            .args(words.split_whitespace())
            .current_dir(&self.directory)
            .output()
            .expect("openssl can be run; scripts/test installs it");
        assert!(output.status.success(), "openssl {words}: {output:?}");
    }
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

impl TestCertificate {
    /// Puts another in the place of this one, as a renewal does: first the certificate, then its key.
    ///
    /// # Panics
    /// If the files cannot be written.
    #[expect(clippy::expect_used, reason = "a test cannot go on without it")]
    pub fn replace(&self, other: &Self) {
        put(&other.certificate, &self.certificate).expect("the certificate can be replaced");
        put(&other.key, &self.key).expect("the key can be replaced");
    }
}

/// By a rename: nobody reads half of it.
fn put(file: &Path, place: &Path) -> std::io::Result<()> {
    let draft = place.with_extension("draft");
    fs::copy(file, &draft)?;
    fs::rename(draft, place)
}
