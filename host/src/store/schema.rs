//! The tables, as a list of steps that only ever grows at its end.
//!
//! Times are RFC 3339 text, records are JSON in a column `record` beside the typed columns that filters
//! and rules need.

use rusqlite::{Connection, TransactionBehavior};

use super::{Result, StoreError};

/// "OXHS": marks the file as a store of this program.
pub(super) const APPLICATION_ID: i64 = 0x4f58_4853;

/// One step per released format; never change one that was released, append.
const STEPS: &[&str] = &[FORMAT_1, FORMAT_2, FORMAT_3, FORMAT_4];

/// The newest format that this program knows.
pub(super) const FORMAT: i64 = STEPS.len() as i64;

#[cfg(test)]
pub(super) const FIRST: &str = FORMAT_1;

const FORMAT_1: &str = "
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE connection (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    name         TEXT NOT NULL UNIQUE,
    connector    TEXT NOT NULL,
    source_tool  TEXT NOT NULL,
    display_name TEXT NOT NULL,
    ephemeral    INTEGER NOT NULL,
    settings     TEXT NOT NULL,
    network      TEXT NOT NULL,
    selection    TEXT NOT NULL,
    created_at   TEXT NOT NULL,
    verified_at  TEXT,
    verified_ok  INTEGER,
    verification TEXT
) STRICT;

CREATE TABLE secret (
    connection_id INTEGER NOT NULL REFERENCES connection ON DELETE CASCADE,
    field         TEXT NOT NULL,
    key_version   INTEGER NOT NULL,
    nonce         BLOB NOT NULL,
    ciphertext    BLOB NOT NULL,
    PRIMARY KEY (connection_id, field)
) STRICT, WITHOUT ROWID;

CREATE TABLE location (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    connection_id INTEGER NOT NULL REFERENCES connection ON DELETE CASCADE,
    external_id   TEXT NOT NULL,
    kind          TEXT NOT NULL,
    path          TEXT NOT NULL,
    scannable     INTEGER NOT NULL,
    record        TEXT NOT NULL,
    first_seen    TEXT NOT NULL,
    last_seen     TEXT NOT NULL,
    gone_at       TEXT,
    selected_when_known INTEGER NOT NULL DEFAULT 0,
    generation    INTEGER NOT NULL DEFAULT 0,
    scanned_at    TEXT,
    scanned_complete INTEGER,
    UNIQUE (connection_id, external_id)
) STRICT;
CREATE INDEX location_path ON location (connection_id, path);

CREATE TABLE listing_skip (
    connection_id INTEGER NOT NULL REFERENCES connection ON DELETE CASCADE,
    seq           INTEGER NOT NULL,
    path          TEXT NOT NULL,
    record        TEXT NOT NULL,
    seen_at       TEXT NOT NULL,
    PRIMARY KEY (connection_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE scan (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    connection_id INTEGER NOT NULL REFERENCES connection ON DELETE CASCADE,
    partial_plan  INTEGER NOT NULL,
    state         TEXT NOT NULL CHECK (state IN ('open', 'ended')),
    started_at    TEXT NOT NULL,
    ended_at      TEXT,
    complete      INTEGER
) STRICT;
CREATE INDEX scan_open ON scan (connection_id, state);

CREATE TABLE scan_location (
    scan_id      INTEGER NOT NULL REFERENCES scan ON DELETE CASCADE,
    location_id  INTEGER NOT NULL REFERENCES location ON DELETE CASCADE,
    state        TEXT NOT NULL CHECK (state IN ('pending', 'running', 'complete', 'partial', 'failed')),
    generation   INTEGER,
    cursor       TEXT,
    attempt      INTEGER NOT NULL DEFAULT 0,
    counts       TEXT NOT NULL DEFAULT '{}',
    milliseconds INTEGER NOT NULL DEFAULT 0,
    class        TEXT,
    message      TEXT,
    hint         TEXT,
    ended_at     TEXT,
    PRIMARY KEY (scan_id, location_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX scan_location_location ON scan_location (location_id);

CREATE TABLE image (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    location_id  INTEGER NOT NULL REFERENCES location ON DELETE CASCADE,
    registry     TEXT NOT NULL,
    repository   TEXT NOT NULL,
    digest       TEXT NOT NULL,
    os           TEXT NOT NULL,
    architecture TEXT NOT NULL,
    complete     INTEGER NOT NULL,
    record       TEXT NOT NULL,
    generation   INTEGER NOT NULL,
    first_seen   TEXT NOT NULL,
    last_seen    TEXT NOT NULL,
    gone_at      TEXT,
    UNIQUE (location_id, registry, repository, digest)
) STRICT;
CREATE INDEX image_digest ON image (digest);

CREATE TABLE image_tag (
    image_id INTEGER NOT NULL REFERENCES image ON DELETE CASCADE,
    tag      TEXT NOT NULL,
    PRIMARY KEY (image_id, tag)
) STRICT, WITHOUT ROWID;

-- The packages of an image, once per digest. A row without a location is the one that readers see; one
-- with a location is being received there and takes over when the last package has come.
CREATE TABLE inventory (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    digest      TEXT NOT NULL,
    location_id INTEGER REFERENCES location ON DELETE CASCADE,
    complete    INTEGER NOT NULL,
    discard     INTEGER NOT NULL,
    announced   INTEGER NOT NULL,
    received    INTEGER NOT NULL,
    stored_at   TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX inventory_current ON inventory (digest) WHERE location_id IS NULL;
CREATE UNIQUE INDEX inventory_staged ON inventory (location_id, digest) WHERE location_id IS NOT NULL;

CREATE TABLE package (
    inventory_id   INTEGER NOT NULL REFERENCES inventory ON DELETE CASCADE,
    seq            INTEGER NOT NULL,
    format         TEXT NOT NULL,
    name           TEXT NOT NULL,
    version        TEXT NOT NULL,
    architecture   TEXT,
    source_name    TEXT,
    source_version TEXT,
    purl           TEXT NOT NULL,
    record         TEXT NOT NULL,
    PRIMARY KEY (inventory_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX package_name ON package (format, name);

CREATE TABLE finding (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    connection_id INTEGER NOT NULL REFERENCES connection ON DELETE CASCADE,
    location_id   INTEGER NOT NULL REFERENCES location ON DELETE CASCADE,
    source        TEXT NOT NULL,
    external_id   TEXT NOT NULL,
    severity      INTEGER NOT NULL,
    image_digest  TEXT,
    package_name  TEXT,
    record        TEXT NOT NULL,
    generation    INTEGER NOT NULL,
    first_seen    TEXT NOT NULL,
    last_seen     TEXT NOT NULL,
    gone_at       TEXT,
    UNIQUE (location_id, source, external_id)
) STRICT;
CREATE INDEX finding_connection ON finding (connection_id, severity);

CREATE TABLE skipped (
    location_id INTEGER NOT NULL REFERENCES location ON DELETE CASCADE,
    generation  INTEGER NOT NULL,
    subject     TEXT NOT NULL,
    name        TEXT NOT NULL,
    image       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    record      TEXT NOT NULL,
    seen_at     TEXT NOT NULL,
    PRIMARY KEY (location_id, generation, subject, name, image, reason)
) STRICT, WITHOUT ROWID;

CREATE TABLE context (
    connection_id INTEGER NOT NULL REFERENCES connection ON DELETE CASCADE,
    subject       TEXT NOT NULL,
    location_id   INTEGER NOT NULL REFERENCES location ON DELETE CASCADE,
    generation    INTEGER NOT NULL,
    record        TEXT NOT NULL,
    seen_at       TEXT NOT NULL,
    PRIMARY KEY (connection_id, subject, location_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE cache (
    id            INTEGER PRIMARY KEY,
    connection_id INTEGER NOT NULL REFERENCES connection ON DELETE CASCADE,
    key           TEXT NOT NULL,
    size          INTEGER NOT NULL,
    last_used     INTEGER NOT NULL,
    value         BLOB NOT NULL,
    UNIQUE (connection_id, key)
) STRICT;
CREATE INDEX cache_age ON cache (last_used, size);
";

/// An inventory belongs to the connection through which it came: what one connector says of a digest must
/// not be shown to who scans the same image through another. Whose the inventories of format 1 are was not
/// kept, so they go, and the next scan brings them back. A finding that the connector itself saw in an image
/// is one of that image; and findings learn their kind, so that they can be counted and filtered by it.
const FORMAT_2: &str = "
DROP TABLE package;
DROP TABLE inventory;

-- The packages of an image, once per connection and digest. A row without a location is the one that
-- readers see; one with a location is being received there and takes over when the last package has come.
CREATE TABLE inventory (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    connection_id INTEGER NOT NULL REFERENCES connection ON DELETE CASCADE,
    digest        TEXT NOT NULL,
    location_id   INTEGER REFERENCES location ON DELETE CASCADE,
    complete      INTEGER NOT NULL,
    discard       INTEGER NOT NULL,
    announced     INTEGER NOT NULL,
    received      INTEGER NOT NULL,
    stored_at     TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX inventory_current ON inventory (connection_id, digest) WHERE location_id IS NULL;
CREATE UNIQUE INDEX inventory_staged ON inventory (location_id, digest) WHERE location_id IS NOT NULL;

CREATE TABLE package (
    inventory_id   INTEGER NOT NULL REFERENCES inventory ON DELETE CASCADE,
    seq            INTEGER NOT NULL,
    format         TEXT NOT NULL,
    name           TEXT NOT NULL,
    version        TEXT NOT NULL,
    architecture   TEXT,
    source_name    TEXT,
    source_version TEXT,
    purl           TEXT NOT NULL,
    record         TEXT NOT NULL,
    PRIMARY KEY (inventory_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX package_name ON package (format, name);

CREATE TABLE finding_2 (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    connection_id INTEGER NOT NULL REFERENCES connection ON DELETE CASCADE,
    location_id   INTEGER NOT NULL REFERENCES location ON DELETE CASCADE,
    source        TEXT NOT NULL,
    external_id   TEXT NOT NULL,
    -- Digest of the image that the finding is told of, where each image has its own; otherwise empty.
    image_key     TEXT NOT NULL,
    kind          TEXT NOT NULL,
    severity      INTEGER NOT NULL,
    image_digest  TEXT,
    package_name  TEXT,
    record        TEXT NOT NULL,
    generation    INTEGER NOT NULL,
    first_seen    TEXT NOT NULL,
    last_seen     TEXT NOT NULL,
    gone_at       TEXT,
    UNIQUE (location_id, source, external_id, image_key)
) STRICT;
INSERT INTO finding_2
    SELECT id, connection_id, location_id, source, external_id,
           CASE source WHEN 'connector' THEN coalesce(image_digest, '') ELSE '' END,
           coalesce(lower(json_extract(record, '$.kind')), 'other'), severity, image_digest, package_name, record, generation,
           first_seen, last_seen, gone_at
    FROM finding;
DROP TABLE finding;
ALTER TABLE finding_2 RENAME TO finding;
CREATE INDEX finding_connection ON finding (connection_id, severity);
CREATE INDEX finding_image ON finding (location_id, image_digest, kind);
";

/// The queue: what inventories and findings mean. Components are packages without the image that they were
/// found in, each with what advisories say of it; issues are what people work on, with their occurrences,
/// their history, and what people did about them. `pending` names the locations whose issues are to be
/// weighed again, and is written in the transaction of what made it so: a killed program goes on with it.
const FORMAT_3: &str = "
ALTER TABLE location ADD COLUMN weighed_on TEXT;
-- How many complete scans in a row saw suspiciously few images.
ALTER TABLE location ADD COLUMN shrunken INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inventory ADD COLUMN looked_up INTEGER NOT NULL DEFAULT 0;
ALTER TABLE package ADD COLUMN component_id INTEGER;
ALTER TABLE package ADD COLUMN no_lookup TEXT;
CREATE INDEX package_component ON package (component_id) WHERE component_id IS NOT NULL;

CREATE TABLE component (
    id          INTEGER PRIMARY KEY,
    -- The record itself, so that the same component is one row.
    record      TEXT NOT NULL UNIQUE,
    ecosystem   TEXT NOT NULL,
    name        TEXT NOT NULL,
    source_name TEXT,
    -- Generation of the advisories that first said what they say of it now; NULL before it was matched.
    generation  INTEGER,
    -- What they say: groups of matches. Empty list when nothing.
    matches     TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX component_by_name ON component (ecosystem, name);
CREATE INDEX component_by_source ON component (ecosystem, source_name) WHERE source_name IS NOT NULL;
CREATE INDEX component_unmatched ON component (id) WHERE generation IS NULL;

CREATE TABLE pending (
    location_id INTEGER PRIMARY KEY REFERENCES location ON DELETE CASCADE,
    cause       TEXT NOT NULL,
    scan_id     INTEGER,
    -- The run in which it could not be weighed, and why: the next run tries it again.
    failed_run  INTEGER,
    failure     TEXT
) STRICT;

CREATE TABLE run (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    started_at TEXT NOT NULL,
    ended_at   TEXT
) STRICT;

CREATE TABLE policy (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    digest TEXT NOT NULL,
    text   TEXT NOT NULL,
    by     TEXT NOT NULL,
    at     TEXT NOT NULL
) STRICT;

CREATE TABLE issue (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    connection_id   INTEGER NOT NULL REFERENCES connection ON DELETE CASCADE,
    location_id     INTEGER NOT NULL REFERENCES location ON DELETE CASCADE,
    kind            TEXT NOT NULL,
    -- What it is about within its location: a package of an ecosystem, a rule's place.
    subject         TEXT NOT NULL,
    primary_id      TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('open', 'resolved', 'removed')),
    against         TEXT NOT NULL,
    severity        INTEGER NOT NULL,
    verdict         INTEGER NOT NULL,
    original        INTEGER NOT NULL,
    title           TEXT NOT NULL,
    package         TEXT,
    fixable         INTEGER NOT NULL,
    known_exploited INTEGER NOT NULL,
    epss            REAL,
    application     TEXT NOT NULL,
    owner           TEXT,
    occurrences     INTEGER NOT NULL,
    -- What tools and matches said before it was laid together: packages in images, and findings.
    found           INTEGER NOT NULL,
    due             TEXT,
    -- Deadlines count from here: when it was seen first, or came back; and from the last rise.
    clock_from      TEXT NOT NULL,
    rose_at         TEXT,
    rose_from       INTEGER,
    excluded        TEXT,
    excluded_until  TEXT,
    exclusion       TEXT,
    assignee        TEXT,
    own_severity    TEXT,
    comments        INTEGER NOT NULL DEFAULT 0,
    first_seen      TEXT NOT NULL,
    last_seen       TEXT NOT NULL,
    changed_at      TEXT NOT NULL,
    closed_at       TEXT,
    record          TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX issue_key ON issue (location_id, kind, subject, primary_id);
-- One for each order that a page is often asked in: a page is read from where it begins, whatever the number of issues.
CREATE INDEX issue_queue ON issue (state, severity DESC, id);
CREATE INDEX issue_by_epss ON issue (state, coalesce(epss, -1.0) DESC, id);
CREATE INDEX issue_by_first_seen ON issue (state, first_seen DESC, id);
CREATE INDEX issue_by_changed ON issue (state, changed_at DESC, id);
CREATE INDEX issue_by_due ON issue (state, coalesce(due, '9'), id);
CREATE INDEX issue_by_package ON issue (state, coalesce(package, ''), id);
CREATE INDEX issue_by_application ON issue (state, application, id);
-- For finding by a name, and for stepping from one distinct name to the next when a text is looked for.
CREATE INDEX issue_title ON issue (title);
CREATE INDEX issue_package ON issue (package);
CREATE INDEX issue_application ON issue (application COLLATE NOCASE);
CREATE INDEX issue_until ON issue (excluded_until) WHERE excluded_until IS NOT NULL AND state = 'open';
-- What most filters ask for, beside each other: counting does not read the records.
CREATE INDEX issue_facts ON issue (state, severity, original, found, kind, fixable, known_exploited, against, due, epss,
    first_seen, excluded, excluded_until, connection_id, location_id, assignee);

-- How many issues there are of each sort, kept by the triggers below in the transaction of what changes it: the
-- total and the funnel of a million issues are answered from some dozen rows.
CREATE TABLE issue_tally (
    connection_id INTEGER NOT NULL,
    state         TEXT NOT NULL,
    is_excluded   INTEGER NOT NULL,
    severity      INTEGER NOT NULL,
    original      INTEGER NOT NULL,
    issues        INTEGER NOT NULL,
    found         INTEGER NOT NULL,
    PRIMARY KEY (connection_id, state, is_excluded, severity, original)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER issue_tally_insert AFTER INSERT ON issue BEGIN
    INSERT INTO issue_tally (connection_id, state, is_excluded, severity, original, issues, found)
        VALUES (new.connection_id, new.state, new.excluded IS NOT NULL, new.severity, new.original, 1, new.found)
        ON CONFLICT (connection_id, state, is_excluded, severity, original)
        DO UPDATE SET issues = issues + 1, found = found + excluded.found;
END;
CREATE TRIGGER issue_tally_delete AFTER DELETE ON issue BEGIN
    UPDATE issue_tally SET issues = issues - 1, found = found - old.found
        WHERE connection_id = old.connection_id AND state = old.state AND is_excluded = (old.excluded IS NOT NULL)
          AND severity = old.severity AND original = old.original;
END;
CREATE TRIGGER issue_tally_update AFTER UPDATE OF connection_id, state, severity, original, found, excluded ON issue
WHEN old.connection_id <> new.connection_id OR old.state <> new.state OR old.severity <> new.severity
  OR old.original <> new.original OR old.found <> new.found OR (old.excluded IS NULL) <> (new.excluded IS NULL)
BEGIN
    UPDATE issue_tally SET issues = issues - 1, found = found - old.found
        WHERE connection_id = old.connection_id AND state = old.state AND is_excluded = (old.excluded IS NOT NULL)
          AND severity = old.severity AND original = old.original;
    INSERT INTO issue_tally (connection_id, state, is_excluded, severity, original, issues, found)
        VALUES (new.connection_id, new.state, new.excluded IS NOT NULL, new.severity, new.original, 1, new.found)
        ON CONFLICT (connection_id, state, is_excluded, severity, original)
        DO UPDATE SET issues = issues + 1, found = found + excluded.found;
END;

CREATE TABLE issue_word (
    issue_id INTEGER NOT NULL REFERENCES issue ON DELETE CASCADE,
    -- `id` (CVE and the like), `factor`, `owner`, `control`, `tool`.
    kind     TEXT NOT NULL,
    word     TEXT NOT NULL,
    PRIMARY KEY (issue_id, kind, word)
) STRICT, WITHOUT ROWID;
CREATE INDEX issue_word_word ON issue_word (kind, word, issue_id);

CREATE TABLE occurrence (
    issue_id   INTEGER NOT NULL REFERENCES issue ON DELETE CASCADE,
    image_id   INTEGER NOT NULL REFERENCES image ON DELETE CASCADE,
    path       TEXT NOT NULL,
    version    TEXT NOT NULL,
    first_seen TEXT NOT NULL,
    PRIMARY KEY (issue_id, image_id, path, version)
) STRICT, WITHOUT ROWID;
CREATE INDEX occurrence_image ON occurrence (image_id);

CREATE TABLE issue_event (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    issue_id INTEGER NOT NULL REFERENCES issue ON DELETE CASCADE,
    run_id   INTEGER,
    scan_id  INTEGER,
    at       TEXT NOT NULL,
    kind     TEXT NOT NULL,
    cause    TEXT NOT NULL,
    record   TEXT NOT NULL
) STRICT;
CREATE INDEX issue_event_issue ON issue_event (issue_id, id);
CREATE INDEX issue_event_run ON issue_event (run_id);

CREATE TABLE exclusion (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT NOT NULL,
    scope    TEXT NOT NULL,
    reason   TEXT NOT NULL,
    by       TEXT NOT NULL,
    at       TEXT NOT NULL,
    until    TEXT,
    ended_at TEXT,
    ended_by TEXT
) STRICT;
";

/// The daemon: who may use it, what it does when, and what was done.
const FORMAT_4: &str = "
-- What runs by itself, and when. A row without a connection is the update of the advisories.
CREATE TABLE schedule (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    connection_id  INTEGER UNIQUE REFERENCES connection ON DELETE CASCADE,
    cron           TEXT NOT NULL,
    time_zone      TEXT NOT NULL,
    jitter_minutes INTEGER NOT NULL,
    missed         TEXT NOT NULL CHECK (missed IN ('run', 'skip')),
    enabled        INTEGER NOT NULL,
    -- The next time without jitter, and with it. A due row is one whose at is past.
    next_slot      TEXT,
    next_at        TEXT,
    last_at        TEXT
) STRICT;
CREATE UNIQUE INDEX schedule_advisories ON schedule (connection_id IS NULL) WHERE connection_id IS NULL;

-- One wish to scan a connection (or, without one, to update the advisories), from the wish to its end. The scan
-- itself is a row of scan; a run that is resumed after a restart goes on with the same scan.
CREATE TABLE task (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    connection_id   INTEGER REFERENCES connection ON DELETE CASCADE,
    kind            TEXT NOT NULL CHECK (kind IN ('scan', 'advisories')),
    cause           TEXT NOT NULL,
    asked_by        TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('queued', 'running', 'paused', 'complete', 'partial', 'failed', 'cancelled')),
    request         TEXT NOT NULL,
    joined          INTEGER NOT NULL DEFAULT 0,
    asked_at        TEXT NOT NULL,
    started_at      TEXT,
    ended_at        TEXT,
    scan_id         INTEGER,
    plugin_digest   TEXT,
    outcome         TEXT
) STRICT;
CREATE INDEX task_open ON task (state, id) WHERE state IN ('queued', 'running', 'paused');
CREATE INDEX task_connection ON task (connection_id, id);

-- What a run said of itself; the newest lines are kept.
CREATE TABLE task_line (
    task_id INTEGER NOT NULL REFERENCES task ON DELETE CASCADE,
    seq     INTEGER NOT NULL,
    at      TEXT NOT NULL,
    level   TEXT NOT NULL,
    subject TEXT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (task_id, seq)
) STRICT, WITHOUT ROWID;

-- An answer that is given again when the same request comes again.
CREATE TABLE idempotency (
    actor  TEXT NOT NULL,
    key    TEXT NOT NULL,
    digest TEXT NOT NULL,
    status INTEGER NOT NULL,
    answer TEXT NOT NULL,
    at     TEXT NOT NULL,
    PRIMARY KEY (actor, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE user (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL UNIQUE COLLATE NOCASE,
    role        TEXT NOT NULL CHECK (role IN ('admin', 'analyst', 'viewer')),
    -- Argon2id in PHC form.
    password    TEXT NOT NULL,
    created_at  TEXT NOT NULL,
    disabled_at TEXT,
    last_seen   TEXT
) STRICT;

-- Sessions and tokens are kept as the SHA-256 of what the browser or the program holds.
CREATE TABLE session (
    hash       BLOB PRIMARY KEY,
    user_id    INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    last_seen  TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_token (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL CHECK (role IN ('admin', 'analyst', 'viewer')),
    hash       BLOB NOT NULL UNIQUE,
    -- The first characters, for people to tell tokens apart.
    beginning  TEXT NOT NULL,
    created_at TEXT NOT NULL,
    expires_at TEXT,
    last_used  TEXT,
    revoked_at TEXT
) STRICT;

CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      TEXT NOT NULL,
    actor   TEXT NOT NULL,
    -- console, api, cli, host.
    via     TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    -- HTTP status of the answer; 0 where there was none.
    status  INTEGER NOT NULL,
    record  TEXT NOT NULL
) STRICT;
CREATE INDEX audit_actor ON audit (actor, id);
CREATE INDEX audit_action ON audit (action, id);

-- The other orders of the list of issues, and what they are laid together by: counting and grouping read no records.
CREATE INDEX issue_by_original ON issue (state, original DESC, id);
CREATE INDEX issue_by_title ON issue (state, title, id);
CREATE INDEX issue_by_owner ON issue (state, coalesce(owner, ''), id);
CREATE INDEX issue_by_occurrences ON issue (state, occurrences DESC, id);
CREATE INDEX issue_by_location ON issue (location_id, state, id);
CREATE INDEX location_by_path ON location (path, id);
CREATE INDEX issue_assignee ON issue (assignee) WHERE assignee IS NOT NULL;
CREATE INDEX issue_application_name ON issue (application);
DROP INDEX issue_facts;
CREATE INDEX issue_facts ON issue (state, severity, original, found, kind, fixable, known_exploited, against, due, epss,
    first_seen, excluded, excluded_until, connection_id, location_id, assignee, package, application, primary_id);

CREATE TABLE saved_view (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id  INTEGER NOT NULL REFERENCES user ON DELETE CASCADE,
    name     TEXT NOT NULL,
    -- The query string of the issues page.
    query    TEXT NOT NULL,
    position INTEGER NOT NULL,
    UNIQUE (user_id, name)
) STRICT;

-- Versions of connectors. At most one of a connector is active.
CREATE TABLE plugin_version (
    digest       TEXT PRIMARY KEY,
    connector    TEXT NOT NULL,
    version      TEXT NOT NULL,
    -- Version of ox:connector that it speaks.
    contract     TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('active', 'installed', 'refused')),
    size         INTEGER NOT NULL,
    installed_at TEXT NOT NULL,
    installed_by TEXT NOT NULL,
    activated_at TEXT,
    -- Rises with every swap, so that the order is known where the clock is not: 0 was never active.
    activation   INTEGER NOT NULL,
    -- What the swap said, step by step; why it was refused.
    report       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX plugin_version_active ON plugin_version (connector) WHERE state = 'active';

-- How the queue stood at the end of a day (UTC), for the trend.
CREATE TABLE queue_day (
    day           TEXT NOT NULL,
    connection_id INTEGER NOT NULL REFERENCES connection ON DELETE CASCADE,
    severity      INTEGER NOT NULL,
    open          INTEGER NOT NULL,
    opened        INTEGER NOT NULL,
    closed        INTEGER NOT NULL,
    PRIMARY KEY (day, connection_id, severity)
) STRICT, WITHOUT ROWID;

-- What pages read a part of: images by repository, what was left out by reason, what a scan brought, and what
-- was closed when.
CREATE INDEX image_by_repository ON image (repository, id) WHERE gone_at IS NULL;
CREATE INDEX skipped_reason ON skipped (reason);
CREATE INDEX issue_event_scan ON issue_event (scan_id, id);
CREATE INDEX issue_closed ON issue (closed_at) WHERE closed_at IS NOT NULL;
";

/// The format of a database, after a look at whose it is.
pub(super) fn format_of(connection: &Connection, path: &std::path::Path) -> Result<i64> {
    let number = |pragma: &str| -> rusqlite::Result<i64> {
        connection.query_row(pragma, [], |row| row.get(0))
    };
    let application = number("PRAGMA application_id")?;
    let format = number("PRAGMA user_version")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    let empty = application == 0 && format == 0 && tables == 0;
    if !empty && application != APPLICATION_ID {
        return Err(StoreError::Foreign(path.to_owned()));
    }
    if format > FORMAT {
        return Err(StoreError::Newer {
            path: path.to_owned(),
            found: format,
            known: FORMAT,
        });
    }
    Ok(format)
}

/// Brings a database to the newest format, one step and one transaction at a time.
pub(super) fn migrate(connection: &mut Connection, path: &std::path::Path) -> Result<()> {
    let mut format = format_of(connection, path)?;
    while let Some(step) = usize::try_from(format).ok().and_then(|at| STEPS.get(at)) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        format += 1;
        // Both pragmas are part of the transaction: an interrupted step leaves the old format.
        transaction.pragma_update(None, "user_version", format)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.commit()?;
    }
    Ok(())
}
