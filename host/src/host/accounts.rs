//! Connecting an account: what was entered, what the connector makes of it, and whether it may.

use std::collections::HashSet;

use url::Url;

use super::{ConnectionDraft, HostError};
use crate::contract::{
    Explanation, Failure, FieldFault, FieldKind, Manifest, Profile, StepStatus, Verification,
};

/// Longest value of a field, in bytes.
const VALUE_BYTES: usize = 64 << 10;

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

/// Checks a draft against the form, and fills in the form's defaults.
pub(super) fn check_draft(
    manifest: &Manifest,
    mut draft: ConnectionDraft,
) -> Result<ConnectionDraft, HostError> {
    let keys: Vec<&str> = manifest
        .fields
        .iter()
        .map(|field| field.key.as_str())
        .collect();
    let known = format!("The fields are: {}.", keys.join(", "));
    let mut given = HashSet::new();
    let settings = draft
        .settings
        .iter()
        .map(|(key, value)| (key, value.as_str(), false));
    let secrets = draft
        .secrets
        .iter()
        .map(|(key, value)| (key, value.expose(), true));
    for (key, value, secret) in settings.chain(secrets) {
        let Some(field) = manifest.fields.iter().find(|field| field.key == *key) else {
            return Err(invalid(
                key,
                format!("{} has no such field.", manifest.name),
                &known,
            ));
        };
        if secret != (field.kind == FieldKind::Secret) {
            let message = if secret {
                "It is not a secret."
            } else {
                "It is a secret."
            };
            return Err(invalid(
                key,
                message.to_owned(),
                "Hand secrets over as secrets, and nothing else.",
            ));
        }
        if value.len() > VALUE_BYTES {
            return Err(invalid(
                key,
                format!(
                    "It has {} bytes, and {VALUE_BYTES} are allowed.",
                    value.len()
                ),
                "",
            ));
        }
        if !given.insert(key.clone()) {
            return Err(invalid(
                key,
                "It is given twice.".to_owned(),
                "Give it once.",
            ));
        }
        if field.required && value.trim().is_empty() {
            return Err(invalid(
                key,
                format!("{} is empty.", field.label),
                &field.help,
            ));
        }
    }
    for field in &manifest.fields {
        if given.contains(&field.key) {
            continue;
        }
        match &field.default {
            Some(default) if field.kind != FieldKind::Secret => {
                draft.settings.push((field.key.clone(), default.clone()));
            }
            _ if field.required => {
                return Err(invalid(
                    &field.key,
                    format!("{} is missing.", field.label),
                    &field.help,
                ));
            }
            _ => {}
        }
    }
    Ok(draft)
}

/// The origin of the address that the person entered: the value of the form's first address field (the
/// sandbox sees to it that this one is required and has no default).
/// Without a scheme it is https.
pub(super) fn operator_origin(
    manifest: &Manifest,
    settings: &[(String, String)],
) -> Result<String, HostError> {
    let field = manifest
        .fields
        .iter()
        .find(|field| field.kind == FieldKind::Url)
        .ok_or_else(|| {
            anyhow::anyhow!(
                "the connector {} asks for no address, so it can't be connected",
                manifest.id
            )
        })?;
    let entered = settings
        .iter()
        .find(|(key, _)| *key == field.key)
        .map_or("", |(_, value)| value.trim());
    let address = if entered.contains("://") {
        entered.to_owned()
    } else {
        format!("https://{entered}")
    };
    let unreadable = |why: &str| {
        invalid(
            &field.key,
            format!("{entered:?} is not an address: {why}."),
            "Write it like https://gitlab.example.com.",
        )
    };
    let url = Url::parse(&address).map_err(|error| unreadable(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(unreadable("only http and https can be used"));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(unreadable("it names no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        // Not repeated: what stands before the @ may be a password.
        return Err(invalid(
            &field.key,
            "The address holds a user name or password.".to_owned(),
            "Leave it out; the token has a field of its own.",
        ));
    }
    Ok(url.origin().ascii_serialization())
}

/// Secrets go to the origin of the entered address only, whatever the connector says: neither may it declare
/// another one for them, nor answer settings in which the address, which later calls start from, is another.
pub(super) fn check_profile(
    profile: &Profile,
    manifest: &Manifest,
    operator_origin: &str,
) -> Result<(), HostError> {
    let kept = self::operator_origin(manifest, &profile.settings);
    if kept.as_ref().ok().map(String::as_str) != Some(operator_origin) {
        return Err(HostError::Other(anyhow::anyhow!(
            "the connector answered settings with the address {}, and the address that was entered is \
             {operator_origin}; it may write the address differently, but not lead it elsewhere. Use another \
             connector, and report it to this one's author",
            kept.as_deref().unwrap_or("of nothing"),
        )));
    }
    for origin in profile.origins.iter().filter(|origin| origin.secrets) {
        let declared = Url::parse(&origin.url).map(|url| url.origin().ascii_serialization());
        if declared.as_deref() != Ok(operator_origin) {
            return Err(HostError::Settings(anyhow::anyhow!(
                "the connector wants to send the secrets to {}, and the address that was entered is {operator_origin}; \
                 enter the address that the secrets are for, or use another connector",
                origin.url
            )));
        }
    }
    Ok(())
}

/// What is stored of a profile's settings: everything but the secrets' stand-ins.
pub(super) fn storable(profile: &Profile, draft: &ConnectionDraft) -> Vec<(String, String)> {
    let secret = |key: &String| draft.secrets.iter().any(|(name, _)| name == key);
    profile
        .settings
        .iter()
        .filter(|(key, _)| !secret(key))
        .cloned()
        .collect()
}

/// True when no step failed.
pub(super) fn passed(verification: &Verification) -> bool {
    verification
        .steps
        .iter()
        .all(|step| step.status != StepStatus::Failed)
}
