//! The sheet, the script and the icon, each under a name that holds the digest of its bytes, so that browsers
//! may keep them for ever.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// A file that pages refer to.
pub struct Asset {
    /// Where it is (`/assets/console-1f2e3d4c.css`).
    pub path: String,
    /// Its media type.
    pub media_type: &'static str,
    /// Its bytes.
    pub bytes: &'static [u8],
}

const SHEET: &str = concat!(
    include_str!("../assets/css/base.css"),
    include_str!("../assets/css/parts.css"),
    include_str!("../assets/css/queue.css"),
    include_str!("../assets/css/connect.css"),
    include_str!("../assets/css/overview.css"),
);

/// One file for the browser: each part keeps to itself and does nothing where its elements are not there.
const SCRIPT: &str = concat!(
    include_str!("../assets/js/base.js"),
    include_str!("../assets/js/live.js"),
    include_str!("../assets/js/queue.js"),
    include_str!("../assets/js/connect.js"),
);

const ICON: &str = include_str!("../assets/icon.svg");

static ALL: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        asset("console", "css", "text/css; charset=utf-8", SHEET),
        asset("console", "js", "text/javascript; charset=utf-8", SCRIPT),
        asset("icon", "svg", "image/svg+xml", ICON),
    ]
});

fn asset(name: &str, ending: &str, media_type: &'static str, text: &'static str) -> Asset {
    let digest = Sha256::digest(text.as_bytes());
    let hex: String = digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Asset {
        path: format!("/assets/{name}-{hex}.{ending}"),
        media_type,
        bytes: text.as_bytes(),
    }
}

/// All of them.
pub fn all() -> &'static [Asset] {
    ALL.as_slice()
}

/// Where the sheet is.
pub fn sheet() -> &'static str {
    let [sheet, _, _] = &*ALL;
    &sheet.path
}

/// Where the script is.
pub fn script() -> &'static str {
    let [_, script, _] = &*ALL;
    &script.path
}

/// Where the icon is.
pub fn icon() -> &'static str {
    let [_, _, icon] = &*ALL;
    &icon.path
}
