//! Changing a connection: other options, another token, another way out.
//!
//! What is left empty stays. Two rules keep what is stored safe from whoever may edit: a stored secret goes to the
//! address that it was entered for and to no other, and an edit never turns a connection into one of another
//! account, because saving that would forget what was found through it.

use tokio_util::sync::CancellationToken;

use super::forward::forwarding;
use super::{
    Connection, ConnectionDraft, Events, Host, HostError, NetworkOptions, Trial, accounts,
};
use crate::contract::{Explanation, Failure, FieldFault, FieldKind, Verification};
use crate::secret::SecretString;

/// What is changed of a connection.
#[derive(Clone, Default)]
pub struct ConnectionEdit {
    /// Values of the form that are not secret; a field that is missing takes the form's default.
    pub settings: Vec<(String, String)>,
    /// Values of the secret fields; one that is missing or empty keeps what is stored.
    pub secrets: Vec<(String, SecretString)>,
    /// How requests leave. A proxy or client certificate as lists show it (without its secret) keeps what is
    /// stored.
    pub network: NetworkOptions,
}

impl Host {
    /// Configures and verifies a changed connection, without saving anything; `save_connection` saves the trial.
    pub async fn try_edit(
        &self,
        name: &str,
        edit: ConnectionEdit,
        events: &dyn Events,
        cancel: &CancellationToken,
    ) -> Result<Trial, HostError> {
        let record = self.record(name)?;
        let (draft, account) = self.edited(name, edit).await?;
        forwarding(events, |events| async move {
            let (draft, profile, connector) = self.configure(draft, &events, cancel).await?;
            if profile.display_name != account {
                return Err(invalid(
                    "",
                    format!(
                        "It would be another account: {} instead of {account}.",
                        profile.display_name
                    ),
                    "Connect that one as a connection of its own; this one keeps what was found through it.",
                ));
            }
            debug_assert_eq!(record.connection.connector, draft.connector);
            let verification = self.run_verify(&connector, &events, cancel).await?;
            Ok(Trial {
                draft,
                profile,
                verification,
            })
        })
        .await
    }

    /// Changes a connection: configures, verifies, and saves what came of it, also where a step failed.
    pub async fn edit_connection(
        &self,
        name: &str,
        settings: Vec<(String, String)>,
        secrets: Vec<(String, SecretString)>,
        network: NetworkOptions,
        events: &dyn Events,
        cancel: &CancellationToken,
    ) -> Result<(Connection, Verification), HostError> {
        self.store.must_write()?;
        let edit = ConnectionEdit {
            settings,
            secrets,
            network,
        };
        let trial = self.try_edit(name, edit, events, cancel).await?;
        let connection = self.save_connection(&trial)?;
        Ok((connection, trial.verification))
    }

    /// True when no step of it failed.
    #[must_use]
    pub fn has_passed(verification: &Verification) -> bool {
        accounts::passed(verification)
    }

    /// The whole draft of an edit, and the account that it has to stay.
    async fn edited(
        &self,
        name: &str,
        edit: ConnectionEdit,
    ) -> Result<(ConnectionDraft, String), HostError> {
        let record = self.record(name)?;
        if record.ephemeral {
            return Err(HostError::Settings(anyhow::anyhow!(
                "{name:?} was a scan without a saved connection; connect the account first"
            )));
        }
        let connection = record.connection;
        let manifest = self.manifest(&connection.connector).await?;
        let (stored, network) = self.store.secrets(record.id)?;
        let mut secrets: Vec<(String, SecretString)> = edit
            .secrets
            .into_iter()
            .filter(|(_, secret)| !secret.expose().is_empty())
            .collect();
        let before = accounts::operator_origin(&manifest, &connection.settings)?;
        let after = accounts::operator_origin(&manifest, &edit.settings)?;
        for (key, secret) in stored {
            if secrets.iter().any(|(given, _)| *given == key) {
                continue;
            }
            let field = manifest.fields.iter().find(|field| field.key == key);
            // A field that the connector's newer version no longer has.
            let Some(field) = field.filter(|field| field.kind == FieldKind::Secret) else {
                continue;
            };
            if before != after {
                return Err(invalid(
                    &key,
                    format!(
                        "{} was entered for {before}, and the address is now {after}.",
                        field.label
                    ),
                    "Enter it again.",
                ));
            }
            secrets.push((key, secret));
        }
        let mut wanted = edit.network;
        let shown = &connection.network;
        if wanted.proxy.is_some() && wanted.proxy == shown.proxy {
            wanted.proxy = network.proxy;
        }
        if wanted.client_pem.is_some() && wanted.client_pem == shown.client_pem {
            wanted.client_pem = network.client_pem;
        }
        let draft = ConnectionDraft {
            connector: connection.connector,
            name: Some(connection.name),
            settings: edit.settings,
            secrets,
            network: wanted,
        };
        Ok((draft, connection.display_name))
    }
}

fn invalid(field: &str, message: String, hint: &str) -> HostError {
    let why = Explanation {
        message,
        hint: hint.to_owned(),
    };
    HostError::Connector(Failure::InvalidSettings(FieldFault {
        field: field.to_owned(),
        why,
    }))
}
