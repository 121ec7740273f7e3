//! The packages that Go's list of modules amounts to.

use super::go::{BuildInfo, MAX_MODULES};
use super::linked::{Modules, by_module};
use crate::catalog::lines::{MAX_FIELD, text};
use crate::catalog::{Found, FoundPackage};
use crate::contract::SkipReason;

/// The `format` of its packages.
pub(super) const FORMAT: &str = "go-binary";

/// A module of the list.
#[derive(Default)]
struct Module {
    path: String,
    /// The path by which the program imports it: its own, also where another module is in its place.
    imported_as: String,
    version: String,
    sum: String,
    is_main: bool,
    replaced_by: Option<String>,
}

impl Module {
    fn of(fields: &[u8], is_main: bool) -> Self {
        let mut fields = fields.split(|byte| *byte == b'\t').map(text);
        let mut next = || fields.next().unwrap_or_default();
        let path = next();
        Self {
            imported_as: path.clone(),
            path,
            version: stated(next()),
            sum: next(),
            is_main,
            replaced_by: None,
        }
    }

    /// Another module is in its place: that is what is in the program. A folder on the disk of whoever
    /// built it has a name that means nothing elsewhere, and no version: the name stays, the version goes.
    fn replace(&mut self, by: Self) {
        let is_folder = by.version.is_empty();
        let (place, path) = if is_folder {
            ("folder", &by.path)
        } else {
            ("module", &by.path)
        };
        self.replaced_by = Some(format!("{place} {path}"));
        if !is_folder {
            self.path = by.path;
        }
        self.version = by.version;
        self.sum = by.sum;
    }
}

/// A version as stated; `(devel)` says that there is none.
fn stated(version: String) -> String {
    if version == "(devel)" {
        String::new()
    } else {
        version
    }
}

/// Settings of the build that are told, and as what. Flags of the linker are not: they hold secrets at
/// times.
const SETTINGS: &[(&str, &str)] = &[
    ("GOOS", "go.os"),
    ("GOARCH", "go.arch"),
    ("CGO_ENABLED", "go.cgo"),
    ("GOFIPS140", "go.fips"),
    ("-buildmode", "go.build-mode"),
    ("-tags", "go.tags"),
    ("vcs", "go.vcs"),
    ("vcs.revision", "go.vcs-revision"),
    ("vcs.time", "go.vcs-time"),
    ("vcs.modified", "go.vcs-modified"),
];

/// The modules and the standard library. `linked` are the packages that the program holds, where that is
/// known.
pub(super) fn packages(info: &BuildInfo, linked: Option<&[String]>, found: &mut Found) {
    if info.cut {
        found.note(
            SkipReason::OverLimit,
            format!("its list of Go modules has more than {MAX_MODULES} bytes"),
        );
    }
    let attribute = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let mut modules: Vec<Module> = Vec::new();
    // Of the whole program: told with the main module, or else with the standard library.
    let mut whole = vec![attribute("go.version", &info.version)];
    let mut own_path = None;
    for line in info.modules.split(|byte| *byte == b'\n') {
        let Some(tab) = line.iter().position(|byte| *byte == b'\t') else {
            continue;
        };
        let (kind, rest) = line.split_at(tab);
        let rest = rest.get(1..).unwrap_or_default();
        match kind {
            b"path" => {
                let path = text(rest);
                whole.push(attribute("go.path", &path));
                own_path = Some(path);
            }
            b"mod" => modules.push(Module::of(rest, true)),
            b"dep" => modules.push(Module::of(rest, false)),
            b"=>" => {
                if let Some(last) = modules.last_mut() {
                    last.replace(Module::of(rest, false));
                }
            }
            b"build" => {
                let setting = rest.iter().position(|byte| *byte == b'=');
                let (key, value) = rest.split_at(setting.unwrap_or(rest.len()));
                let known = SETTINGS.iter().find(|(name, _)| name.as_bytes() == key);
                let value = text(value.get(1..).unwrap_or_default());
                if let Some((_, name)) = known
                    && !value.is_empty()
                    && !whole.iter().any(|(key, _)| key == name)
                {
                    whole.push(attribute(name, value.trim_matches('"')));
                }
            }
            _ => {}
        }
    }
    modules.retain(|module| !module.path.is_empty());
    let has_main = modules.iter().any(|module| module.is_main);
    let mut whole = Some(whole);
    // A list that is cut lacks modules, whose packages would count as another's.
    let linked = linked.filter(|_| !info.cut);
    let mut lists = linked
        .map(|linked| {
            let of = Modules {
                paths: modules.iter().map(|one| one.imported_as.as_str()).collect(),
                main: modules.iter().position(|module| module.is_main),
                own: own_path.as_deref(),
            };
            by_module(linked, &of)
        })
        .unwrap_or_default()
        .into_iter();
    let mut tell_linked = |attributes: &mut Vec<(String, String)>| {
        if let Some((text, cut)) = lists.next() {
            attributes.push(("go.packages".to_owned(), text));
            if cut {
                attributes.push(attribute("go.packages-cut", "true"));
            }
        }
    };
    for module in modules {
        let mut attributes = Vec::new();
        if module.is_main {
            attributes.push(attribute("go.main", "true"));
            attributes.extend(whole.take().into_iter().flatten());
        }
        if !module.sum.is_empty() {
            attributes.push(("go.sum".to_owned(), module.sum));
        }
        if let Some(by) = module.replaced_by {
            attributes.push(("go.replaced-by".to_owned(), by));
        }
        tell_linked(&mut attributes);
        let package = FoundPackage {
            format: Some(FORMAT.to_owned()),
            name: module.path,
            version: module.version,
            attributes,
            ..FoundPackage::default()
        };
        if !found.push(package) {
            return;
        }
    }
    let mut attributes = if has_main {
        vec![attribute("go.version", &info.version)]
    } else {
        whole.take().unwrap_or_default()
    };
    tell_linked(&mut attributes);
    found.push(FoundPackage {
        format: Some(FORMAT.to_owned()),
        name: "stdlib".to_owned(),
        version: release(&info.version).to_owned(),
        attributes,
        ..FoundPackage::default()
    });
}

/// The release of Go that a version names: `1.22.3` of `go1.22.3 X:boringcrypto`, `1.23rc1`. Empty where it
/// is a state in between releases.
pub(super) fn release(version: &str) -> &str {
    let Some(rest) = version.strip_prefix("go") else {
        return "";
    };
    let numbers = rest
        .find(|letter: char| !(letter.is_ascii_digit() || letter == '.'))
        .unwrap_or(rest.len());
    let (number, suffix) = rest.split_at(numbers);
    let number = number.trim_end_matches('.');
    let kind = ["rc", "beta"]
        .into_iter()
        .find(|kind| suffix.starts_with(kind));
    let Some(kind) = kind.filter(|_| number.len() == numbers) else {
        return if number.contains('.') { number } else { "" };
    };
    let digits = suffix
        .bytes()
        .skip(kind.len())
        .take_while(u8::is_ascii_digit)
        .count();
    let end = if digits == 0 {
        numbers
    } else {
        numbers + kind.len() + digits
    };
    rest.get(..end.min(MAX_FIELD)).unwrap_or_default()
}
