//! Connections and their secrets.

use rusqlite::{OptionalExtension, Transaction, params};

use super::vault::{KEY_VERSION, Sealed};
use super::{Result, Store, StoreError, now};
use crate::contract::Verification;
use crate::host::{Connection, NetworkOptions, NewLocations, Selection};
use crate::secret::SecretString;

/// Longest name of a connection, in characters.
const NAME_CHARS: usize = 100;
/// Connections made for one scan carry this before their name, and no other does.
const EPHEMERAL: &str = "once:";
/// Secret fields that are the network's, not the form's. A colon is in no key of a form.
const CLIENT_PEM: &str = "network:client-pem";
const PROXY: &str = "network:proxy";
/// What lists show in the place of a private key.
const HIDDEN: &str = "(kept encrypted)";

/// A connection to save.
pub struct NewConnection {
    /// Its name; `None` makes one from the display name that nobody has.
    pub name: Option<String>,
    /// Connector id.
    pub connector: String,
    /// The tool whose findings it brings.
    pub source_tool: String,
    /// Display name from the profile.
    pub display_name: String,
    /// True for a scan without a saved connection: kept for what it finds and for resuming, without
    /// secrets, and not listed.
    pub ephemeral: bool,
    /// Settings in normal form, without secrets.
    pub settings: Vec<(String, String)>,
    /// The form's secrets.
    pub secrets: Vec<(String, SecretString)>,
    /// How requests leave.
    pub network: NetworkOptions,
    /// The last verification, and whether every step passed.
    pub verified: Option<(Verification, bool)>,
}

/// A connection as the store knows it.
#[derive(Clone, Debug)]
pub struct ConnectionRecord {
    /// Row.
    pub id: i64,
    /// The tool whose findings it brings.
    pub source_tool: String,
    /// Made for one scan.
    pub ephemeral: bool,
    /// What others see of it. Secrets of its network are hidden.
    pub connection: Connection,
}

impl Store {
    /// Saves a connection, its secrets and its verification at once. One of the same name, connector and
    /// account keeps what was found through it; one of the same name for something else is replaced.
    pub fn save_connection(&self, new: NewConnection) -> Result<ConnectionRecord> {
        let vault = self.vault.clone();
        self.write_now(move |tx| {
            let name = settle_name(tx, &new)?;
            let known: Option<(i64, String, String)> = tx
                .query_row(
                    "SELECT id, connector, display_name FROM connection WHERE name = ?1",
                    [&name],
                    |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
                )
                .optional()?;
            let same = |connector: &str, account: &str| {
                connector == new.connector && account == new.display_name
            };
            let id = match known {
                Some((id, connector, account)) if same(&connector, &account) => id,
                other => {
                    if let Some((id, ..)) = other {
                        remove(tx, id)?;
                    }
                    let selection =
                        Selection { include: Vec::new(), exclude: Vec::new(), new_locations: NewLocations::Include };
                    tx.execute(
                        "INSERT INTO connection (name, connector, source_tool, display_name, ephemeral,
                             settings, network, selection, created_at)
                         VALUES (?1, ?2, '', ?3, 0, '[]', '{}', ?4, ?5)",
                        params![name, new.connector, new.display_name, serde_json::to_string(&selection)?, now()],
                    )?;
                    tx.last_insert_rowid()
                }
            };
            let (network, mut secrets) = split(new.network);
            tx.execute(
                "UPDATE connection SET source_tool = ?2, ephemeral = ?3, settings = ?4, network = ?5 WHERE id = ?1",
                params![
                    id,
                    new.source_tool,
                    new.ephemeral,
                    serde_json::to_string(&new.settings)?,
                    serde_json::to_string(&network)?
                ],
            )?;
            if let Some((verification, passed)) = &new.verified {
                store_verification(tx, id, verification, *passed)?;
            }
            tx.execute("DELETE FROM secret WHERE connection_id = ?1", [id])?;
            if !new.ephemeral {
                secrets.extend(new.secrets);
                for (field, secret) in &secrets {
                    let Sealed { nonce, ciphertext } = vault.seal("secret", id, field, secret)?;
                    tx.execute(
                        "INSERT INTO secret (connection_id, field, key_version, nonce, ciphertext)
                         VALUES (?1, ?2, ?3, ?4, ?5)",
                        params![id, field, KEY_VERSION, nonce, ciphertext],
                    )?;
                }
            }
            by_name(tx, &name)?.ok_or(StoreError::Closed)
        })
    }

    /// All saved connections, by name.
    pub fn connections(&self) -> Result<Vec<ConnectionRecord>> {
        self.read(|tx| {
            let mut statement =
                tx.prepare_cached("SELECT name FROM connection WHERE NOT ephemeral ORDER BY name")?;
            let names = statement
                .query_map([], |row| row.get::<_, String>(0))?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            names
                .iter()
                .filter_map(|name| by_name(tx, name).transpose())
                .collect()
        })
    }

    /// One connection, ephemeral ones included.
    pub fn connection(&self, name: &str) -> Result<Option<ConnectionRecord>> {
        self.read(|tx| by_name(tx, name))
    }

    /// The form's secrets of a connection, and its network options with theirs.
    pub fn secrets(&self, id: i64) -> Result<(Vec<(String, SecretString)>, NetworkOptions)> {
        let sealed = self.read(|tx| {
            let network: String =
                tx.query_row("SELECT network FROM connection WHERE id = ?1", [id], |row| row.get(0))?;
            let mut statement = tx.prepare_cached(
                "SELECT field, key_version, nonce, ciphertext FROM secret WHERE connection_id = ?1 ORDER BY field",
            )?;
            let rows = statement
                .query_map([id], |row| {
                    let sealed = Sealed { nonce: row.get(2)?, ciphertext: row.get(3)? };
                    Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, sealed))
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            Ok((serde_json::from_str::<NetworkOptions>(&network)?, rows))
        })?;
        let (mut network, rows) = sealed;
        let mut secrets = Vec::new();
        for (field, version, sealed) in rows {
            let secret = self
                .vault
                .open_sealed("secret", id, &field, version, &sealed)?;
            match field.as_str() {
                CLIENT_PEM => network.client_pem = Some(secret.expose().to_owned()),
                PROXY => network.proxy = Some(secret.expose().to_owned()),
                _ => secrets.push((field, secret)),
            }
        }
        Ok((secrets, network))
    }

    /// Keeps what a verification saw.
    pub async fn save_verification(
        &self,
        id: i64,
        verification: Verification,
        passed: bool,
    ) -> Result<()> {
        self.write(move |tx| store_verification(tx, id, &verification, passed))
            .await
    }

    /// Forgets a connection and everything that was found through it. False when there is none.
    pub fn remove_connection(&self, name: &str) -> Result<bool> {
        let name = name.to_owned();
        self.write_now(move |tx| match by_name(tx, &name)? {
            Some(record) => remove(tx, record.id).map(|()| true),
            None => Ok(false),
        })
    }
}

fn remove(tx: &Transaction<'_>, id: i64) -> Result<()> {
    tx.execute("DELETE FROM connection WHERE id = ?1", [id])?;
    Ok(())
}

fn store_verification(
    tx: &Transaction<'_>,
    id: i64,
    verification: &Verification,
    passed: bool,
) -> Result<()> {
    tx.execute(
        "UPDATE connection SET verified_at = ?2, verified_ok = ?3, verification = ?4 WHERE id = ?1",
        params![id, now(), passed, serde_json::to_string(verification)?],
    )?;
    Ok(())
}

fn settle_name(tx: &Transaction<'_>, new: &NewConnection) -> Result<String> {
    if new.ephemeral {
        let name = new.name.as_ref().unwrap_or(&new.display_name);
        return Ok(format!("{EPHEMERAL}{}", cleaned(name)));
    }
    let Some(name) = &new.name else {
        let name = cleaned(&new.display_name);
        let mut candidate = name.clone();
        let mut number = 1_u32;
        while by_name(tx, &candidate)?.is_some() {
            number = number.saturating_add(1);
            candidate = format!("{name} ({number})");
        }
        return Ok(candidate);
    };
    let refused = |why: &str| {
        Err(StoreError::Refused(format!(
            "a connection can't be called {name:?}: {why}"
        )))
    };
    if name.trim().is_empty() || name.trim() != name {
        return refused("a name is not empty and has no space at its ends");
    }
    if name.chars().count() > NAME_CHARS {
        return refused("a name has at most 100 characters");
    }
    if name.chars().any(char::is_control) {
        return refused("a name has no control characters");
    }
    if name.starts_with(EPHEMERAL) {
        return refused(
            "names that begin with \"once:\" are those of scans without a saved connection",
        );
    }
    Ok(name.clone())
}

/// A name out of a text that a connector wrote.
fn cleaned(text: &str) -> String {
    let text: String = text
        .chars()
        .filter(|c| !c.is_control())
        .take(NAME_CHARS)
        .collect();
    let text = text.trim().trim_start_matches(EPHEMERAL).trim();
    if text.is_empty() {
        "connection".to_owned()
    } else {
        text.to_owned()
    }
}

/// Takes the secrets out of network options; what is left may be shown.
fn split(mut network: NetworkOptions) -> (NetworkOptions, Vec<(String, SecretString)>) {
    let mut secrets = Vec::new();
    if let Some(pem) = network.client_pem.take() {
        network.client_pem = Some(HIDDEN.to_owned());
        secrets.push((CLIENT_PEM.to_owned(), SecretString::new(pem)));
    }
    if let Some(proxy) = network.proxy.take() {
        network.proxy = Some(without_credentials(&proxy));
        secrets.push((PROXY.to_owned(), SecretString::new(proxy)));
    }
    (network, secrets)
}

fn without_credentials(proxy: &str) -> String {
    match proxy.rsplit_once('@') {
        Some((before, host)) => {
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
            if scheme.is_empty() {
                format!("***@{host}")
            } else {
                format!("{scheme}://***@{host}")
            }
        }
        None => proxy.to_owned(),
    }
}

fn by_name(tx: &Transaction<'_>, name: &str) -> Result<Option<ConnectionRecord>> {
    let mut statement = tx.prepare_cached(
        "SELECT id, connector, source_tool, display_name, ephemeral, settings, network, selection,
                created_at, verified_at, verified_ok
         FROM connection WHERE name = ?1",
    )?;
    type Row = (ConnectionRecord, [String; 3]);
    let row: Option<Row> = statement
        .query_row([name], |row| {
            let verified_at: Option<String> = row.get(9)?;
            let verified_ok: Option<bool> = row.get(10)?;
            let connection = Connection {
                name: name.to_owned(),
                connector: row.get(1)?,
                display_name: row.get(3)?,
                settings: Vec::new(),
                network: NetworkOptions::default(),
                selection: Selection {
                    include: Vec::new(),
                    exclude: Vec::new(),
                    new_locations: NewLocations::Include,
                },
                created_at: row.get(8)?,
                verified: verified_at.zip(verified_ok),
            };
            let record = ConnectionRecord {
                id: row.get(0)?,
                source_tool: row.get(2)?,
                ephemeral: row.get(4)?,
                connection,
            };
            Ok((record, [row.get(5)?, row.get(6)?, row.get(7)?]))
        })
        .optional()?;
    let Some((mut record, [settings, network, selection])) = row else {
        return Ok(None);
    };
    record.connection.settings = serde_json::from_str(&settings)?;
    record.connection.network = serde_json::from_str(&network)?;
    record.connection.selection = serde_json::from_str(&selection)?;
    Ok(Some(record))
}
