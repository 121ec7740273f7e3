//! The form of an account: made from the connector's manifest, and read back.

use ox_console::pages::connectors::{AccountForm, Fault, FormField, Input, NetworkForm};
use ox_console::text;

use super::fields::Fields;
use crate::contract::{Field, FieldKind, Manifest};
use crate::host::{Connection, NetworkOptions};
use crate::secret::SecretString;
use crate::serve::attempts::{End, Entered};

/// Names of the connector's own fields begin with it, so that none is taken for one of ours.
const OWN: &str = "s.";

/// What a form begins with.
pub(super) struct Begin<'a> {
    /// Where it posts to.
    pub(super) action: String,
    /// What its button says.
    pub(super) submit: &'static str,
    /// The name can be chosen.
    pub(super) has_name: bool,
    /// What was entered, or is stored.
    pub(super) entered: Option<&'a Entered>,
    /// Keys of secrets that are kept when they are left empty.
    pub(super) kept: Vec<String>,
    /// How the last attempt ended.
    pub(super) end: Option<&'a End>,
}

/// The form.
pub(super) fn form(manifest: &Manifest, begin: Begin<'_>) -> AccountForm {
    let fault_of = |key: &str| match begin.end {
        Some(End::Refused {
            field,
            message,
            hint,
        }) if field == key => Some(Fault {
            message: text::plain(message),
            hint: text::plain(hint),
        }),
        _ => None,
    };
    let make = |field: &Field| field_of(field, &begin, fault_of(&field.key));
    let (advanced, fields): (Vec<&Field>, Vec<&Field>) =
        manifest.fields.iter().partition(|field| field.advanced);
    let advanced: Vec<FormField> = advanced.into_iter().map(make).collect();
    let network = begin
        .entered
        .map(|entered| network_form(&entered.network))
        .unwrap_or_default();
    AccountForm {
        action: begin.action.clone(),
        submit: begin.submit,
        name: begin.has_name.then(|| {
            let name = begin.entered.and_then(|entered| entered.name.clone());
            text::plain(&name.unwrap_or_default())
        }),
        fields: fields.into_iter().map(make).collect(),
        advanced_open: advanced.iter().any(|field| field.fault.is_some()),
        advanced,
        network,
    }
}

fn field_of(field: &Field, begin: &Begin<'_>, fault: Option<Fault>) -> FormField {
    let entered = begin.entered.and_then(|entered| {
        let found = entered.settings.iter().find(|(key, _)| *key == field.key);
        found.map(|(_, value)| value.clone())
    });
    let (input, value) = match field.kind {
        FieldKind::Url => (Input::Url, entered),
        FieldKind::Text => (Input::Text, entered),
        FieldKind::Secret => (Input::Secret, None),
        FieldKind::Toggle => (Input::Toggle, entered.or_else(|| field.default.clone())),
        FieldKind::Number => (Input::Number, entered),
        FieldKind::Patterns => (Input::Patterns, entered),
    };
    FormField {
        name: format!("{OWN}{}", field.key),
        label: text::plain(&field.label),
        help: text::plain(&field.help),
        input,
        required: field.required,
        value: text::plain(&value.unwrap_or_default()),
        placeholder: match field.kind {
            FieldKind::Secret | FieldKind::Toggle => String::new(),
            _ => text::plain(field.default.as_deref().unwrap_or_default()),
        },
        fault,
        is_kept: field.kind == FieldKind::Secret && begin.kept.contains(&field.key),
    }
}

fn network_form(network: &NetworkOptions) -> NetworkForm {
    NetworkForm {
        ca_pem: network.ca_pem.join("\n"),
        proxy: network.proxy.clone().unwrap_or_default(),
        allow: network.allow.join("\n"),
        insecure_tls: network.insecure_tls,
        is_open: *network != NetworkOptions::default(),
        has_client_certificate: network.client_pem.is_some(),
    }
}

/// What came back. A secret that was left empty is the one that was entered before.
pub(super) fn entered(manifest: &Manifest, fields: &Fields, before: Option<&Entered>) -> Entered {
    let mut settings = Vec::new();
    let mut secrets = Vec::new();
    for field in &manifest.fields {
        let sent = fields.get(&format!("{OWN}{}", field.key));
        match field.kind {
            FieldKind::Secret => {
                let sent = sent.unwrap_or_default().trim();
                let kept = before
                    .and_then(|before| before.secrets.iter().find(|(key, _)| *key == field.key));
                if !sent.is_empty() {
                    secrets.push((field.key.clone(), SecretString::new(sent.to_owned())));
                } else if let Some(kept) = kept {
                    secrets.push(kept.clone());
                }
            }
            // A box that is not ticked is not sent.
            FieldKind::Toggle => {
                let value = if sent == Some("true") {
                    "true"
                } else {
                    "false"
                };
                settings.push((field.key.clone(), value.to_owned()));
            }
            FieldKind::Patterns => {
                let value = super::fields::lines(sent.unwrap_or_default()).join("\n");
                keep(&mut settings, field, value);
            }
            FieldKind::Url | FieldKind::Text | FieldKind::Number => {
                keep(
                    &mut settings,
                    field,
                    sent.unwrap_or_default().trim().to_owned(),
                );
            }
        }
    }
    let name = fields.text("name");
    let ca = fields.text("network.ca");
    let proxy = fields.text("network.proxy");
    Entered {
        connector: manifest.id.clone(),
        name: (!name.is_empty()).then(|| name.to_owned()),
        settings,
        secrets,
        network: NetworkOptions {
            ca_pem: (!ca.is_empty())
                .then(|| ca.to_owned())
                .into_iter()
                .collect(),
            client_pem: before.and_then(|before| before.network.client_pem.clone()),
            proxy: (!proxy.is_empty()).then(|| proxy.to_owned()),
            allow: fields.lines("network.allow"),
            insecure_tls: fields.is_on("network.insecure"),
        },
    }
}

/// An empty value is left out where the form has a default or needs none: the host fills the default in.
fn keep(settings: &mut Vec<(String, String)>, field: &Field, value: String) {
    if !value.is_empty() || field.required {
        settings.push((field.key.clone(), value));
    }
}

/// A saved connection as if it had been entered, without its secrets.
pub(super) fn stored(connection: &Connection) -> Entered {
    Entered {
        connector: connection.connector.clone(),
        name: Some(connection.name.clone()),
        settings: connection.settings.clone(),
        secrets: Vec::new(),
        network: connection.network.clone(),
    }
}

/// Keys of the form's secrets.
pub(super) fn secrets_of(manifest: &Manifest) -> Vec<String> {
    let secrets = manifest
        .fields
        .iter()
        .filter(|field| field.kind == FieldKind::Secret);
    secrets.map(|field| field.key.clone()).collect()
}
