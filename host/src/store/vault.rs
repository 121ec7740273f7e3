//! Secrets at rest: XChaCha20-Poly1305 under a key that the program made.
//!
//! The key stands in its own file, readable by its owner only, so that a copy of the database alone opens
//! nothing. Each ciphertext is bound to its table, row, field and key version: moved to another row it
//! does not open. The store holds a check value; a key file that does not open it is refused at start,
//! before anything is written with the wrong key.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use rusqlite::{Connection, OptionalExtension};
use zeroize::Zeroizing;

use super::{Result, StoreError};
use crate::secret::SecretString;

/// Name of the key file in the data folder.
const KEY_FILE: &str = "secret.key";
/// First word of the key file; the key follows in base64.
const KEY_WORD: &str = "ox-host-key-1:";
/// Version of the key in use. A rotation writes the next one.
pub(super) const KEY_VERSION: i64 = 1;
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
/// What the check value says when it is opened.
const CHECK: &str = "ox-host";

/// An encrypted secret.
pub(super) struct Sealed {
    pub(super) nonce: Vec<u8>,
    pub(super) ciphertext: Vec<u8>,
}

pub(super) struct Vault {
    cipher: XChaCha20Poly1305,
}

impl Vault {
    /// Reads the key, or makes it for an empty store. `owner` is the connection of the owner; without it
    /// nothing is made.
    pub(super) fn open(folder: &Path, database: &Path, owner: Option<&Connection>) -> Result<Self> {
        let file = folder.join(KEY_FILE);
        let reader;
        let connection = match owner {
            Some(connection) => connection,
            None => {
                reader = super::open::connect(database, super::open::Access::Read)?;
                &reader
            }
        };
        let check = read_check(connection)?;
        let key = match (read_key(&file)?, &check) {
            (Some(key), _) => key,
            (None, None) if owner.is_some() => make_key(&file)?,
            (None, _) => {
                return Err(StoreError::Key(format!(
                    "the key file {} is missing, and the store holds secrets that only it opens; put it \
                     back from a backup, or move the whole data folder away and connect the accounts again",
                    file.display()
                )));
            }
        };
        let vault = Self {
            cipher: XChaCha20Poly1305::new_from_slice(key.as_slice()).map_err(|_| {
                StoreError::Key(format!("the key file {} is damaged", file.display()))
            })?,
        };
        match (check, owner) {
            (Some(sealed), _) => {
                let opened = vault.open_sealed("meta", 0, "check", KEY_VERSION, &sealed);
                if !opened.is_ok_and(|text| text.expose() == CHECK) {
                    return Err(StoreError::Key(format!(
                        "the key file {} is not the one that the store was written with; put the right one \
                         back from a backup, or move the whole data folder away and connect the accounts again",
                        file.display()
                    )));
                }
            }
            (None, Some(connection)) => {
                let check = SecretString::new(CHECK.to_owned());
                let sealed = vault.seal("meta", 0, "check", &check)?;
                let blob = [sealed.nonce, sealed.ciphertext].concat();
                connection.execute(
                    "INSERT INTO meta (key, value) VALUES ('key-check', ?1)",
                    [blob],
                )?;
            }
            (None, None) => {}
        }
        Ok(vault)
    }

    pub(super) fn seal(
        &self,
        table: &str,
        row: i64,
        field: &str,
        secret: &SecretString,
    ) -> Result<Sealed> {
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|error| {
            StoreError::Key(format!("the system gives no random numbers: {error}"))
        })?;
        let aad = binding(table, row, field, KEY_VERSION);
        let payload = Payload {
            msg: secret.expose().as_bytes(),
            aad: aad.as_bytes(),
        };
        let ciphertext = self
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| StoreError::Key("the secret could not be encrypted".to_owned()))?;
        Ok(Sealed {
            nonce: nonce.to_vec(),
            ciphertext,
        })
    }

    pub(super) fn open_sealed(
        &self,
        table: &str,
        row: i64,
        field: &str,
        version: i64,
        sealed: &Sealed,
    ) -> Result<SecretString> {
        let damaged = || {
            StoreError::Key(format!(
                "the stored secret {field:?} does not open: it was changed or belongs elsewhere; connect the account again"
            ))
        };
        let nonce: [u8; NONCE_BYTES] = sealed.nonce.as_slice().try_into().map_err(|_| damaged())?;
        let aad = binding(table, row, field, version);
        let payload = Payload {
            msg: &sealed.ciphertext,
            aad: aad.as_bytes(),
        };
        let text = self
            .cipher
            .decrypt(&XNonce::from(nonce), payload)
            .map_err(|_| damaged())?;
        String::from_utf8(text)
            .map(SecretString::new)
            .map_err(|_| damaged())
    }
}

/// What a ciphertext is bound to. The field is last, because its text is free.
fn binding(table: &str, row: i64, field: &str, version: i64) -> String {
    format!("ox-host/{table}/{row}/{version}/{field}")
}

fn read_check(connection: &Connection) -> Result<Option<Sealed>> {
    let blob: Option<Vec<u8>> = connection
        .query_row(
            "SELECT value FROM meta WHERE key = 'key-check'",
            [],
            |row| row.get(0),
        )
        .optional()?;
    Ok(blob.map(|mut blob| {
        let ciphertext = blob.split_off(NONCE_BYTES.min(blob.len()));
        Sealed {
            nonce: blob,
            ciphertext,
        }
    }))
}

fn read_key(path: &PathBuf) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let io = |what| {
        move |source| StoreError::Io {
            what,
            path: path.clone(),
            source,
        }
    };
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io("can't open the key file")(error)),
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = file
            .metadata()
            .map_err(io("can't read the key file"))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(StoreError::Key(format!(
                "others than its owner may read the key file {0}; run: chmod 600 {0}",
                path.display()
            )));
        }
    }
    let mut text = Zeroizing::new(String::new());
    file.take(1024)
        .read_to_string(&mut text)
        .map_err(io("can't read the key file"))?;
    let key = text
        .trim()
        .strip_prefix(KEY_WORD)
        .and_then(|key| BASE64.decode(key).ok());
    match key.map(Zeroizing::new) {
        Some(key) if key.len() == KEY_BYTES => Ok(Some(key)),
        _ => Err(StoreError::Key(format!(
            "the key file {} is damaged; put it back from a backup",
            path.display()
        ))),
    }
}

/// Makes a key under another name first: a key file is there whole or not at all.
fn make_key(path: &PathBuf) -> Result<Zeroizing<Vec<u8>>> {
    let mut key = Zeroizing::new(vec![0_u8; KEY_BYTES]);
    getrandom::fill(&mut key)
        .map_err(|error| StoreError::Key(format!("the system gives no random numbers: {error}")))?;
    let text = Zeroizing::new(format!("{KEY_WORD}{}\n", BASE64.encode(key.as_slice())));
    let temporary = path.with_extension("key.new");
    let io = |source| StoreError::Io {
        what: "can't write the key file",
        path: path.clone(),
        source,
    };
    let _ = std::fs::remove_file(&temporary);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    super::open::owner_only(&mut options);
    let mut file = options.open(&temporary).map_err(io)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(io)?;
    std::fs::rename(&temporary, path).map_err(io)?;
    if let Some(folder) = path.parent() {
        // The name is durable when the folder is; not every system can sync one.
        let _ = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(key)
}
