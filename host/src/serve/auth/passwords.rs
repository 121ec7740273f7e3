//! Passwords: Argon2id with the parameters that OWASP recommends (19 MiB, two passes, one lane).
//!
//! Each check takes memory and tens of milliseconds of a core on purpose, so only a few run at a time, off the
//! threads that answer requests, and when too many wait the next one is sent away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

use crate::host::{HostError, SecretString};

/// Characters that a password has at least.
pub(super) const SHORTEST: usize = 12;
/// Bytes that a password has at most.
pub(super) const LONGEST: usize = 1024;
/// Checks at a time.
const AT_ONCE: usize = 2;
/// Checks that may wait.
const WAITING: usize = 32;

/// What a name that nobody has is checked against: of the same cost, and equal to no password's hash.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$b3gtaG9zdC1ub2JvZHktMDE$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a password was not checked or hashed.
#[derive(Debug)]
pub(super) enum PasswordError {
    /// Too many wait.
    Busy,
    /// It can't be done.
    Failed(anyhow::Error),
}

impl From<PasswordError> for HostError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::Other(anyhow::anyhow!(
                "too many passwords are being checked; try again in a moment"
            )),
            PasswordError::Failed(error) => Self::Other(error),
        }
    }
}

/// Makes and checks hashes.
pub(super) struct Passwords {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// How many were checked since the start, whether the name was known or not.
    pub(super) checked: AtomicUsize,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: AtomicUsize::new(0),
            checked: AtomicUsize::new(0),
        }
    }
}

impl Passwords {
    /// The hash of a password, in PHC form.
    pub(super) async fn hash(&self, password: SecretString) -> Result<String, PasswordError> {
        self.run(move || {
            let mut salt = [0_u8; 16];
            getrandom::fill(&mut salt)
                .map_err(|error| anyhow::anyhow!("the system gives no random numbers: {error}"))?;
            let hash: PasswordHash = Argon2::default()
                .hash_password_with_salt(password.expose().as_bytes(), &salt)
                .map_err(|error| anyhow::anyhow!("the password could not be hashed: {error}"))?;
            Ok(hash.to_string())
        })
        .await
    }

    /// Whether a password is the one of a hash. Without a hash it is not, after the same work.
    pub(super) async fn check(
        &self,
        password: SecretString,
        hash: Option<String>,
    ) -> Result<bool, PasswordError> {
        self.checked.fetch_add(1, Ordering::Relaxed);
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
        let equal = self
            .run(move || {
                let hash = PasswordHash::new(&hash)
                    .map_err(|error| anyhow::anyhow!("a stored hash can't be read: {error}"))?;
                Ok(Argon2::default()
                    .verify_password(password.expose().as_bytes(), &hash)
                    .is_ok())
            })
            .await?;
        Ok(equal && known)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _waits = Waits::begin(&self.waiting)?;
        let place = self
            .places
            .clone()
            .acquire_owned()
            .await
            .map_err(|error| PasswordError::Failed(error.into()))?;
        tokio::task::spawn_blocking(move || {
            // Kept to the end of the work: whoever asked may be gone, the core is busy all the same.
            let _place = place;
            work()
        })
        .await
        .map_err(|error| PasswordError::Failed(error.into()))?
        .map_err(PasswordError::Failed)
    }
}

/// One that waits or is being served.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Result<Self, PasswordError> {
        if waiting.fetch_add(1, Ordering::Relaxed) >= WAITING + AT_ONCE {
            waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(PasswordError::Busy);
        }
        Ok(Self(waiting))
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Refuses a password that is too short, too long, or none at all.
pub(super) fn check_rules(name: &str, password: &SecretString) -> Result<(), HostError> {
    let text = password.expose();
    let mut chars = text.chars();
    let first = chars.next();
    let why = if text.chars().count() < SHORTEST {
        format!("the password has fewer than {SHORTEST} characters")
    } else if text.len() > LONGEST {
        format!("the password has more than {LONGEST} bytes")
    } else if chars.all(|one| Some(one) == first) {
        "the password is one character again and again".to_owned()
    } else if text.eq_ignore_ascii_case(name) {
        "the password is the name".to_owned()
    } else {
        return Ok(());
    };
    Err(HostError::Settings(anyhow::anyhow!(
        "{why}; choose a longer one that nobody guesses, such as a few words"
    )))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_password_opens_its_own_hash_and_no_other() {
        let passwords = Passwords::default();
        let hash = passwords
            .hash(secret("correct horse battery"))
            .await
            .unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert!(
            passwords
                .check(secret("correct horse battery"), Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(
            !passwords
                .check(secret("correct horse batterz"), Some(hash.clone()))
                .await
                .unwrap()
        );
        let again = passwords
            .hash(secret("correct horse battery"))
            .await
            .unwrap();
        assert_ne!(hash, again, "two hashes of one password have two salts");
    }

    #[tokio::test]
    async fn a_name_that_nobody_has_costs_a_check_of_the_same_parameters() {
        let real = Passwords::default()
            .hash(secret("correct horse battery"))
            .await
            .unwrap();
        let parameters = |hash: &str| hash.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(parameters(NOBODY), parameters(&real));
        let parsed = PasswordHash::new(NOBODY).unwrap();
        assert_eq!(parsed.hash.unwrap().len(), 32);
        assert!(!Passwords::default().check(secret("x"), None).await.unwrap());
    }

    #[test]
    fn weak_passwords_are_refused_without_being_repeated() {
        for weak in ["hunter2", "aaaaaaaaaaaaaaaa", "someone@example.com"] {
            let error = check_rules("Someone@example.com", &secret(weak)).unwrap_err();
            assert!(!error.to_string().contains(weak));
        }
        assert!(check_rules("a", &secret(&"ab".repeat(513))).is_err());
        assert!(check_rules("a", &secret("ein ganzer Satz")).is_ok());
    }
}
