//! Users, sessions, tokens and the audit log, as the rest of the daemon calls them.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::anyhow;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::passwords::{self, PasswordError, Passwords};
use super::secrets;
use super::throttle::Throttle;
use super::{Actor, ApiToken, AuditFilter, AuditRow, Role, User, Via};
use crate::host::{Host, HostError, SecretString};
use crate::store::accounts::{NewAudit, NewSession, NewToken, SecretHash};
use crate::store::{Store, StoreError};

/// A session ends after so long without a request.
const IDLE: SignedDuration = SignedDuration::from_hours(12);
/// And after so long in any case.
pub(super) const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How exact "seen last" is: not every request is worth a write.
const EXACT: SignedDuration = SignedDuration::from_secs(60);
/// Longest name of a user and of a token, in characters.
const NAME: usize = 64;
const TOKEN_NAME: usize = 100;

/// Who may do what: users, sessions, tokens, the audit log.
pub struct Accounts {
    store: Arc<Store>,
    pub(super) passwords: Passwords,
    throttle: Throttle,
    /// Hash of the one-time token of the first account.
    first_run: Mutex<Option<SecretHash>>,
}

/// Why somebody was not signed in.
#[derive(Debug)]
pub(in crate::serve) enum SignInError {
    /// Name and password do not go together, or the user is disabled: nobody learns which.
    Wrong,
    /// Too many tries; seconds to wait.
    Wait(u64),
    /// It could not be found out.
    Failed(HostError),
}

impl Accounts {
    /// The accounts of a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self {
            store: host.store.clone(),
            passwords: Passwords::default(),
            throttle: Throttle::default(),
            first_run: Mutex::new(None),
        }
    }

    // ---- Users -----------------------------------------------------------------------------------

    /// All users, by name.
    pub fn users(&self) -> Result<Vec<User>, HostError> {
        Ok(self.store.users()?)
    }

    /// A user, by name.
    pub fn user(&self, name: &str) -> Result<User, HostError> {
        self.store.user(name)?.ok_or_else(|| unknown_user(name))
    }

    /// True once somebody has an account.
    pub fn has_users(&self) -> Result<bool, HostError> {
        Ok(self.store.has_users()?)
    }

    /// Adds a user.
    pub async fn add_user(
        &self,
        name: &str,
        role: Role,
        password: SecretString,
    ) -> Result<User, HostError> {
        self.add(name, role, password, false).await
    }

    async fn add(
        &self,
        name: &str,
        role: Role,
        password: SecretString,
        first: bool,
    ) -> Result<User, HostError> {
        check_name(name)?;
        passwords::check_rules(name, &password)?;
        self.store.must_write()?;
        let hash = self.passwords.hash(password).await?;
        self.store
            .add_user(name.to_owned(), role, hash, first)
            .await
            .map_err(refused)
    }

    /// Gives a user another role. It counts from the next request on.
    pub async fn set_role(&self, name: &str, role: Role) -> Result<User, HostError> {
        let user = self.store.set_user_role(name.to_owned(), role).await;
        user.map_err(refused)?.ok_or_else(|| unknown_user(name))
    }

    /// Lets a user in no more: their sessions and tokens end at once.
    pub async fn disable(&self, name: &str) -> Result<User, HostError> {
        self.set_enabled(name, false).await
    }

    /// Lets a user in again. Their tokens stay revoked.
    pub async fn enable(&self, name: &str) -> Result<User, HostError> {
        self.set_enabled(name, true).await
    }

    async fn set_enabled(&self, name: &str, enabled: bool) -> Result<User, HostError> {
        let user = self.store.set_user_enabled(name.to_owned(), enabled).await;
        user.map_err(refused)?.ok_or_else(|| unknown_user(name))
    }

    /// Sets a user's password. All their sessions end.
    pub async fn set_password(
        &self,
        name: &str,
        password: SecretString,
    ) -> Result<User, HostError> {
        passwords::check_rules(name, &password)?;
        let known = self.user(name)?;
        self.store.must_write()?;
        let hash = self.passwords.hash(password).await?;
        let user = self.store.set_user_password(known.name, hash).await;
        user.map_err(refused)?.ok_or_else(|| unknown_user(name))
    }

    // ---- Coming in -------------------------------------------------------------------------------

    /// The one-time link that makes the first account: new at each call, `None` once somebody has one. Only its
    /// hash is kept, and only in memory.
    #[must_use]
    pub fn first_run_link(&self, base: &str) -> Option<String> {
        if self.store.has_users().ok()? {
            return None;
        }
        let token = secrets::random("").ok()?;
        *lock(&self.first_run) = Some(secrets::hash(token.expose()));
        Some(format!(
            "{}/setup?token={}",
            base.trim_end_matches('/'),
            token.expose()
        ))
    }

    /// Whether this is the token of the link, and it was not used.
    pub(in crate::serve) fn opens_setup(&self, token: &str) -> Result<bool, HostError> {
        let fits = *lock(&self.first_run) == Some(secrets::hash(token));
        Ok(fits && !self.store.has_users()?)
    }

    /// Makes the first account, an administrator's. The link opens nothing afterwards.
    pub(in crate::serve) async fn set_up(
        &self,
        token: &str,
        name: &str,
        password: SecretString,
    ) -> Result<User, HostError> {
        if !self.opens_setup(token)? {
            return Err(HostError::Settings(anyhow!(
                "this link opens nothing: it was used, or the host was started again since it was printed"
            )));
        }
        let user = self.add(name, Role::Admin, password, true).await?;
        *lock(&self.first_run) = None;
        let about = json!({"role": user.role});
        self.note(
            &user.name,
            Via::Console,
            "made the first account",
            &user.name,
            303,
            about,
        )
        .await?;
        Ok(user)
    }

    /// Checks a name and a password. A name that nobody has costs the same, and gets the same answer.
    pub(in crate::serve) async fn sign_in(
        &self,
        name: &str,
        password: SecretString,
        address: Option<IpAddr>,
    ) -> Result<User, SignInError> {
        if let Err(wait) = self.throttle.attempt(name, address, Instant::now()) {
            tracing::warn!(?address, "too many tries to sign in");
            return Err(SignInError::Wait(wait.as_secs().max(1)));
        }
        let known = self.store.credentials(name).map_err(SignInError::failed)?;
        let (user, hash) = known.map_or((None, None), |(user, hash)| (Some(user), Some(hash)));
        // A text that is longer than any password is none, whoever's.
        let hash = hash.filter(|_| password.expose().len() <= passwords::LONGEST);
        let password = clipped(password);
        let right = match self.passwords.check(password, hash).await {
            Ok(right) => right,
            Err(PasswordError::Busy) => return Err(SignInError::Wait(1)),
            Err(error) => return Err(SignInError::Failed(error.into())),
        };
        let from = address.map_or_else(String::new, |address| address.to_string());
        match user {
            Some(user) if right && user.disabled_at.is_none() => {
                self.throttle.succeeded(name, address);
                self.note(
                    &user.name,
                    Via::Console,
                    "signed in",
                    &from,
                    303,
                    Value::Null,
                )
                .await
                .map_err(SignInError::Failed)?;
                Ok(user)
            }
            known => {
                // What was typed as a name is written down only when it is one: it may be the password.
                let name = known.map_or_else(String::new, |user| user.name);
                let action = "was refused to sign in";
                self.note(&name, Via::Console, action, &from, 401, Value::Null)
                    .await
                    .map_err(SignInError::Failed)?;
                Err(SignInError::Wrong)
            }
        }
    }

    /// Whether this is the password of somebody who is signed in. Tries are counted as those to sign in are.
    pub(in crate::serve) async fn confirm(
        &self,
        actor: &Actor,
        password: SecretString,
    ) -> Result<(), SignInError> {
        if let Err(wait) = self.throttle.attempt(&actor.name, None, Instant::now()) {
            return Err(SignInError::Wait(wait.as_secs().max(1)));
        }
        let known = self
            .store
            .credentials(&actor.name)
            .map_err(SignInError::failed)?;
        let hash = known.map(|(_, hash)| hash);
        match self.passwords.check(clipped(password), hash).await {
            Ok(true) => {
                self.throttle.succeeded(&actor.name, None);
                Ok(())
            }
            Ok(false) => Err(SignInError::Wrong),
            Err(PasswordError::Busy) => Err(SignInError::Wait(1)),
            Err(error) => Err(SignInError::Failed(error.into())),
        }
    }

    /// Begins a session: always a new one, whatever the browser came with. Answers what the cookie holds.
    pub(in crate::serve) async fn begin_session(
        &self,
        user: i64,
        instead_of: Option<&str>,
    ) -> Result<SecretString, HostError> {
        let secret = secrets::random("")?;
        let session = NewSession {
            hash: secrets::hash(secret.expose()),
            user,
            expires_at: stamp(Timestamp::now() + LONGEST),
            instead_of: instead_of.map(secrets::hash),
        };
        self.store.begin_session(session, idle_since()).await?;
        Ok(secret)
    }

    /// Who has the session of a cookie.
    pub(super) async fn of_session(&self, secret: &str) -> Result<Option<Actor>, HostError> {
        let hash = secrets::hash(secret);
        let Some(session) = self.store.session(hash, &idle_since())? else {
            return Ok(None);
        };
        if is_old(Some(&session.last_seen)) {
            self.noted(self.store.touch_session(hash).await);
        }
        Ok(Some(Actor {
            user: session.user.id,
            name: session.user.name,
            role: session.user.role,
            via: Via::Console,
        }))
    }

    /// Ends the session of a cookie.
    pub(in crate::serve) async fn end_session(&self, secret: &str) -> Result<(), HostError> {
        Ok(self.store.end_session(secrets::hash(secret)).await?)
    }

    /// Ends all sessions of a user but the one of this cookie; answers how many there were.
    pub async fn end_other_sessions(
        &self,
        user: i64,
        keep: Option<&str>,
    ) -> Result<u64, HostError> {
        let keep = keep.map(secrets::hash);
        Ok(self.store.end_other_sessions(user, keep).await?)
    }

    /// How many browsers a user is signed in with.
    pub fn session_count(&self, user: i64) -> Result<u64, HostError> {
        Ok(self.store.session_count(user, &idle_since())?)
    }

    /// Who has an API token: never more than the token says, and never more than its user may.
    pub(super) async fn of_token(&self, secret: &str) -> Result<Option<Actor>, HostError> {
        if !secret.starts_with(secrets::TOKEN_WORD) {
            return Ok(None);
        }
        let Some((token, user)) = self.store.token(secrets::hash(secret))? else {
            return Ok(None);
        };
        if is_old(token.last_used.as_deref()) {
            self.noted(self.store.touch_token(token.id).await);
        }
        Ok(Some(Actor {
            user: user.id,
            name: user.name,
            role: token.role.min(user.role),
            via: Via::Api,
        }))
    }

    /// "Seen last" that can't be written is no reason to send somebody away.
    fn noted(&self, written: crate::store::Result<()>) {
        if let Err(error) = written {
            tracing::debug!(%error, "when somebody was seen last was not written");
        }
    }

    // ---- API tokens ------------------------------------------------------------------------------

    /// Tokens of a user, or of everybody; the newest first. Those that are over stand among them.
    pub fn tokens(&self, user: Option<&str>) -> Result<Vec<ApiToken>, HostError> {
        let user = user.map(|name| self.user(name)).transpose()?;
        Ok(self.store.tokens(user.map(|user| user.id))?)
    }

    /// Makes a token for whoever asks: at most of their role, until `expires_at` (RFC 3339). The second half of
    /// the answer is the token itself, which is nowhere else.
    pub async fn make_token(
        &self,
        maker: &Actor,
        name: &str,
        role: Role,
        expires_at: Option<&str>,
    ) -> Result<(ApiToken, SecretString), HostError> {
        let name = name.trim();
        if name.is_empty()
            || name.chars().count() > TOKEN_NAME
            || name.chars().any(char::is_control)
        {
            return Err(HostError::Settings(anyhow!(
                "a token's name has 1 to {TOKEN_NAME} characters; say what it is for"
            )));
        }
        if role > maker.role {
            return Err(HostError::Settings(anyhow!(
                "a token of the role {} can't be made by the role {}; choose that role or a lesser one",
                role.word(),
                maker.role.word()
            )));
        }
        let expires_at = expires_at.map(end_of).transpose()?;
        let secret = secrets::random(secrets::TOKEN_WORD)?;
        let token = NewToken {
            user: maker.user,
            name: name.to_owned(),
            role,
            hash: secrets::hash(secret.expose()),
            beginning: secret.expose().chars().take(secrets::SHOWN).collect(),
            expires_at,
        };
        let token = self.store.add_token(token).await.map_err(refused)?;
        Ok((token, secret))
    }

    /// Takes a token back, at once: one's own, or as an administrator anybody's.
    pub async fn revoke_token(&self, by: &Actor, id: i64) -> Result<ApiToken, HostError> {
        let user = (by.role < Role::Admin).then_some(by.user);
        let token = self.store.revoke_token(id, user).await?;
        token.ok_or_else(|| HostError::Unknown {
            what: "token",
            name: id.to_string(),
            list: "users tokens",
        })
    }

    // ---- The audit log ---------------------------------------------------------------------------

    /// The log, newest first, from before a row.
    pub fn audit(
        &self,
        filter: &AuditFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AuditRow>, HostError> {
        Ok(self.store.read_audit(filter, before, limit)?)
    }

    /// Who did something, and what was done, for choosing among.
    pub fn audit_words(&self) -> Result<(Vec<String>, Vec<String>), HostError> {
        Ok(self.store.audit_words()?)
    }

    /// Writes down what the daemon did by itself.
    pub async fn audit_host(
        &self,
        action: &str,
        subject: &str,
        record: Value,
    ) -> Result<(), HostError> {
        self.note("host", Via::Host, action, subject, 0, record)
            .await
    }

    /// Writes down what was done on the command line of this machine.
    pub(crate) async fn audit_command(
        &self,
        actor: &str,
        action: &str,
        subject: &str,
        record: Value,
    ) -> Result<(), HostError> {
        let row = NewAudit {
            actor: actor.to_owned(),
            via: "cli",
            action: action.to_owned(),
            subject: subject.to_owned(),
            status: 0,
            record,
        };
        self.store.write_audit(row).await?;
        Ok(())
    }

    pub(super) async fn note(
        &self,
        actor: &str,
        via: Via,
        action: &str,
        subject: &str,
        status: u16,
        record: Value,
    ) -> Result<(), HostError> {
        let row = NewAudit {
            actor: actor.to_owned(),
            via: via.word(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            status,
            record,
        };
        self.store.write_audit(row).await?;
        Ok(())
    }

    /// Writes down that somebody asked for a change, before it is done.
    pub(super) async fn audit_begins(
        &self,
        actor: &Actor,
        action: &str,
        subject: &str,
        record: Value,
    ) -> Result<i64, HostError> {
        let row = NewAudit {
            actor: actor.name.clone(),
            via: actor.via.word(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            status: 0,
            record,
        };
        Ok(self.store.write_audit(row).await?)
    }

    /// Writes down how that ended.
    pub(super) async fn audit_ends(
        &self,
        row: i64,
        status: u16,
        action: Option<String>,
        subject: Option<String>,
        record: Value,
    ) -> Result<(), HostError> {
        let written = self
            .store
            .finish_audit(row, status, action, subject, record);
        Ok(written.await?)
    }
}

impl SignInError {
    fn failed(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unknown_user(name: &str) -> HostError {
    HostError::Unknown {
        what: "user",
        name: name.to_owned(),
        list: "users list",
    }
}

/// A rule that the store keeps is the asker's fault, not the store's.
fn refused(error: StoreError) -> HostError {
    match error {
        StoreError::Refused(why) => HostError::Settings(anyhow!(why)),
        other => other.into(),
    }
}

fn check_name(name: &str) -> Result<(), HostError> {
    let plain = |one: char| one.is_ascii_alphanumeric() || "._-@+".contains(one);
    let fits = !name.is_empty() && name.len() <= NAME && name.chars().all(plain);
    if fits && !name.eq_ignore_ascii_case("host") {
        return Ok(());
    }
    Err(HostError::Settings(anyhow!(
        "a user's name has 1 to {NAME} letters (a to z), digits and . _ - @ +, and \"host\" is the daemon itself"
    )))
}

/// The end of a token, as the store writes times.
fn end_of(text: &str) -> Result<String, HostError> {
    let end: Timestamp = text.parse().map_err(|_| {
        HostError::Settings(anyhow!(
            "{text:?} is no time; write it like 2026-12-31T18:00:00Z"
        ))
    })?;
    if end <= Timestamp::now() {
        return Err(HostError::Settings(anyhow!(
            "the token would have ended already; choose a later time"
        )));
    }
    Ok(stamp(end))
}

/// What is longer than any password is cut, so that checking it costs no more than another.
fn clipped(password: SecretString) -> SecretString {
    if password.expose().len() <= passwords::LONGEST {
        return password;
    }
    let cut = password.expose().chars().take(passwords::LONGEST / 4);
    SecretString::new(cut.collect())
}

fn stamp(time: Timestamp) -> String {
    format!("{time:.3}")
}

fn idle_since() -> String {
    stamp(Timestamp::now() - IDLE)
}

/// True when a time is missing or older than "seen last" is exact.
fn is_old(seen: Option<&str>) -> bool {
    seen.is_none_or(|seen| seen <= stamp(Timestamp::now() - EXACT).as_str())
}
