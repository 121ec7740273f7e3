//! The packages that are linked into a program: of tables made here, and of what Go builds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(clippy::print_stdout, reason = "says what was not tested")]

use std::process::Command;

use proptest::prelude::*;

use super::linked::{MAX_ATTRIBUTE, MAX_ATTRIBUTES, Modules, Watch, by_module};
use super::window;

/// What a table is made in: the mark's last byte, the size and order of its numbers.
#[derive(Clone, Copy, Debug)]
struct Form {
    mark: u8,
    wide: bool,
    big: bool,
}

const NEWEST: Form = Form {
    mark: 0xf1,
    wide: true,
    big: false,
};

fn forms() -> Vec<Form> {
    let mut all = Vec::new();
    for mark in [0xfa, 0xf0, 0xf1] {
        for wide in [false, true] {
            for big in [false, true] {
                all.push(Form { mark, wide, big });
            }
        }
    }
    all
}

/// A table with these names, and some bytes behind them where the rest of one would be.
fn table(form: Form, names: &[&str]) -> Vec<u8> {
    let text: Vec<u8> = names
        .iter()
        .flat_map(|name| name.bytes().chain([0]))
        .collect();
    let step = if form.wide { 8 } else { 4 };
    let first = 2 + usize::from(form.mark != 0xfa);
    let start = (8 + (first + 5) * step) as u64;
    let end = start + text.len() as u64;
    let mut numbers = vec![names.len() as u64, 7];
    if form.mark != 0xfa {
        numbers.push(0x40_1000);
    }
    numbers.extend([start, end, end + 8, end + 16, end + 24]);
    let mut out = vec![form.mark, 0xff, 0xff, 0xff];
    if form.big {
        out.reverse();
    }
    out.extend([0, 0, 1, step as u8]);
    for number in numbers {
        if form.big {
            out.extend(&number.to_be_bytes()[8 - step..]);
        } else {
            out.extend(&number.to_le_bytes()[..step]);
        }
    }
    out.extend(text);
    out.extend([0x11; 64]);
    out
}

/// A file with something before a table, which begins at a multiple of 32 bytes.
fn file(before: usize, tables: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![0x90; before];
    for table in tables {
        out.resize(out.len().next_multiple_of(32), 0x90);
        out.extend(table);
    }
    out
}

/// Gives out at most so many bytes at a time.
struct Pieces<'d>(&'d [u8], usize);

impl std::io::Read for Pieces<'_> {
    fn read(&mut self, target: &mut [u8]) -> std::io::Result<usize> {
        let count = self.1.min(target.len()).min(self.0.len());
        target[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

fn linked(data: &[u8]) -> Option<Vec<String>> {
    let mut watch = Watch::default();
    window::pass(&mut Pieces(data, 10_007), data.len() as u64, |view| {
        watch.see(view);
    })
    .unwrap();
    watch.finish()
}

const NAMES: [&str; 17] = [
    "go:buildid",
    "runtime.main",
    "runtime.(*mheap).alloc.func1",
    "main.main",
    "example.com/App/api.(*Server).Serve",
    "example.com/App/api.Map[go.shape.struct { example.com/other.T }]",
    "gopkg.in/yaml%2ev3.Unmarshal",
    "go.uber.org/zap.New",
    "go/ast.Walk",
    "go.(*struct { net/smtp.X }).Lock",
    "go.struct { net/smtp.X }.Lock",
    "type:.eq.net/rpc.Client",
    "type..hash.net/rpc.Client",
    "vendor/golang.org/x/net/idna.init",
    "_.goready.func1",
    "_cgo_init",
    "__x86.get_pc_thunk.ax",
];

const PACKAGES: [&str; 7] = [
    "example.com/App/api",
    "go.uber.org/zap",
    "go/ast",
    "gopkg.in/yaml.v3",
    "main",
    "runtime",
    "vendor/golang.org/x/net/idna",
];

#[test]
fn the_packages_of_all_functions_are_told_in_every_form_of_the_table() {
    for form in forms() {
        for before in [0, 64, window::WINDOW - 40, 600_001] {
            let told = linked(&file(before, &[table(form, &NAMES)]));
            assert_eq!(told.as_deref().unwrap(), PACKAGES, "{form:?} {before}");
        }
    }
}

#[test]
fn names_are_read_across_windows_however_long_they_are() {
    // Names of 1 to 3,000 bytes: every place of a window's end is met.
    let long: Vec<String> = (0..3_000_usize)
        .map(|n| format!("example.com/p{}.F[{}]", n % 7, "x".repeat(n)))
        .collect();
    let mut names: Vec<&str> = long.iter().map(String::as_str).collect();
    names.push("runtime.main");
    let told = linked(&file(64, &[table(NEWEST, &names)])).unwrap();
    assert_eq!(told.len(), 8, "{told:?}");
}

#[test]
fn a_table_that_breaks_off_tells_nothing() {
    let whole = file(64, &[table(NEWEST, &NAMES)]);
    assert!(linked(&whole).is_some());
    // 64 bytes stand behind the names.
    for length in [whole.len() - 65, whole.len() / 2, 130] {
        assert_eq!(linked(&whole[..length]), None, "{length}");
    }
    assert!(linked(&whole[..whole.len() - 64]).is_some());
}

#[test]
fn a_table_without_the_runtime_is_none() {
    let names = ["main.main", "example.com/a.F"];
    assert_eq!(linked(&file(64, &[table(NEWEST, &names)])), None);
}

#[test]
fn headers_that_make_no_sense_are_no_tables() {
    let good = table(NEWEST, &NAMES);
    let change = |at: usize, value: u64| {
        let mut bad = good.clone();
        bad[at..at + 8].copy_from_slice(&value.to_le_bytes());
        file(64, &[bad])
    };
    let word = |index: usize| 8 + index * 8;
    for (at, value) in [
        (word(0), 0),
        (word(3), 8),
        (word(3), 1 << 40),
        (word(4), 0),
        (word(4), u64::MAX),
        (word(7), 3),
    ] {
        assert_eq!(linked(&change(at, value)), None, "{at} {value}");
    }
    let mut old = good.clone();
    old[0] = 0xfb;
    assert_eq!(linked(&file(64, &[old])), None);
    // It has to begin where linkers put it.
    let mut shifted = vec![0; 65];
    shifted.extend(&good);
    assert_eq!(linked(&shifted), None);
}

#[test]
fn the_packages_of_several_tables_are_told_together() {
    let inner = table(NEWEST, &["runtime.main", "example.com/inner.F"]);
    let told = linked(&file(64, &[inner, table(NEWEST, &NAMES)])).unwrap();
    assert!(told.iter().any(|path| path == "example.com/inner"));
    assert!(told.iter().any(|path| path == "go/ast"));
    // A second one that breaks off takes the first with it: something would be missing.
    let mut cut = file(64, &[table(NEWEST, &NAMES), table(NEWEST, &NAMES)]);
    cut.truncate(cut.len() - 100);
    assert_eq!(linked(&cut), None);
    let far = |_| {
        let mut one = table(NEWEST, &NAMES);
        one.resize(300_000, 0);
        one
    };
    let many: Vec<Vec<u8>> = (0..40).map(far).collect();
    assert!(linked(&file(64, &many)).is_some(), "one after the other");
}

#[test]
fn tables_over_each_other_and_packages_without_end_are_left() {
    // Each says that its names go on for long, and the next begins within them.
    let mut nested = vec![0x90; 64];
    for _ in 0..40 {
        let mut one = table(NEWEST, &NAMES);
        one[8 + 4 * 8..8 + 5 * 8].copy_from_slice(&(1_u64 << 20).to_le_bytes());
        one[8 + 7 * 8..8 + 8 * 8].copy_from_slice(&(1_u64 << 21).to_le_bytes());
        one.resize(one.len().next_multiple_of(32), 0);
        nested.extend(one);
    }
    nested.resize(2 << 20, 0);
    assert_eq!(linked(&nested), None);
    // Tables that follow each other may not have more names together than one.
    let long = vec!["example.com/a.F"; 1_100_000];
    let one = table(NEWEST, &[&long[..], &["runtime.main"]].concat());
    assert!(linked(&file(64, std::slice::from_ref(&one))).is_some());
    assert_eq!(linked(&file(64, &vec![one; 4])), None);
    let many: Vec<String> = (0..40_000).map(|n| format!("example.com/p{n}.F")).collect();
    let mut names: Vec<&str> = many.iter().map(String::as_str).collect();
    names.push("runtime.main");
    assert_eq!(linked(&file(64, &[table(NEWEST, &names)])), None);
    assert!(linked(&file(64, &[table(NEWEST, &names[20_000..])])).is_some());
}

fn paths(text: &[&str]) -> Vec<String> {
    text.iter().map(|path| (*path).to_owned()).collect()
}

#[test]
fn each_package_belongs_to_the_module_with_the_longest_path() {
    let linked = paths(&[
        "example.com/a",
        "example.com/a/b",
        "example.com/a/v2/c",
        "example.com/ab",
        "main",
        "net/http",
        "runtime",
        "unknown.example/x",
    ]);
    let of = Modules {
        paths: vec![
            "example.com/a",
            "example.com/a/v2",
            "example.com/app",
            "example.com/none",
        ],
        main: Some(2),
        own: Some("example.com/app/cmd/tool"),
    };
    let text = |text: &str| (text.to_owned(), false);
    assert_eq!(
        by_module(&linked, &of),
        [
            text(". b"),
            text("c"),
            text("cmd/tool"),
            text(""),
            text("net/http runtime")
        ]
    );
    // Built from files: which package of the main module that was is not known.
    let files = Modules {
        own: Some("command-line-arguments"),
        ..of
    };
    let told = by_module(&linked, &files);
    assert_eq!(told[2], (String::new(), true));
    assert_eq!(told[0], text(". b"));
}

#[test]
fn attributes_are_cut_at_a_path_and_say_so() {
    let linked: Vec<String> = (0..40_000)
        .map(|n| format!("example.com/m{}/package-{n:05}", n % 20))
        .collect();
    let names: Vec<String> = (0..20).map(|n| format!("example.com/m{n}")).collect();
    let of = |count: usize| Modules {
        paths: names.iter().take(count).map(String::as_str).collect(),
        main: None,
        own: None,
    };
    let told = by_module(&linked, &of(20));
    let all: usize = told.iter().map(|(text, _)| text.len()).sum();
    assert!(all <= MAX_ATTRIBUTES && all > MAX_ATTRIBUTES - 32, "{all}");
    let (first, cut) = &told[0];
    assert!(*cut && first.len() <= MAX_ATTRIBUTE && first.ends_with("package-23380"));
    assert_eq!(told[19], (String::new(), true));
    assert_eq!(told[20], (String::new(), false));
}

/// Builds a program of two modules for a system and machine; `None` where Go does not.
fn build(folder: &std::path::Path, os: &str, machine: &str, flags: &[&str]) -> Option<Vec<u8>> {
    let built = Command::new("go")
        .args(["build", "-o", "app"])
        .args(flags)
        .arg("./cmd/tool")
        .current_dir(folder)
        .env("GOOS", os)
        .env("GOARCH", machine)
        .env("CGO_ENABLED", "0")
        .env("GOFLAGS", "-buildvcs=false")
        .status();
    if !built.is_ok_and(|status| status.success()) {
        println!("skipped: go does not build for {os}/{machine} here");
        return None;
    }
    Some(std::fs::read(folder.join("app")).unwrap())
}

#[test]
fn what_go_links_is_told_and_what_it_leaves_out_is_not() {
    let folder = std::env::temp_dir().join(format!("ox-go-linked-{}", std::process::id()));
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "go.mod",
        "module example.com/App\ngo 1.18\nrequire (\n example.com/old v1.2.3\n gopkg.in/dep.v3 v3.0.1\n)\n\
         replace example.com/old => ./dep\nreplace gopkg.in/dep.v3 => ./dotted\n",
    );
    write(
        "cmd/tool/main.go",
        "package main\nimport (\n \"os\"\n \"example.com/App/inner\"\n \"example.com/old/used\"\n \"gopkg.in/dep.v3\"\n)\n\
         func main() { println(used.Name(), inner.Len(), dep.Triple(len(os.Args))) }\n",
    );
    write(
        "inner/inner.go",
        "package inner\nimport \"encoding/hex\"\nfunc Len() int { return hex.EncodedLen(len(hex.Dump(nil))) }\n",
    );
    write("unused/unused.go", "package unused\nfunc F() {}\n");
    write("dep/go.mod", "module example.com/old\n");
    write(
        "dep/used/used.go",
        "package used\n//go:noinline\nfunc Name() string { return \"used\" }\n",
    );
    write("dep/unused/unused.go", "package unused\nfunc F() {}\n");
    write("dotted/go.mod", "module gopkg.in/dep.v3\n");
    // Inlined, and still told.
    write(
        "dotted/dep.go",
        "package dep\nfunc Triple(n int) int { return 3 * n }\n",
    );
    for (os, machine, flags) in [
        ("linux", "amd64", &[][..]),
        ("linux", "amd64", &["-ldflags=-s -w", "-trimpath"]),
        ("linux", "mips", &["-ldflags=-s"]),
        ("windows", "386", &[]),
        ("darwin", "arm64", &["-ldflags=-s -w"]),
    ] {
        let Some(file) = build(&folder, os, machine, flags) else {
            continue;
        };
        let found = super::tests::parse(&file);
        let packages = |name: &str| {
            let mut all = found.packages.iter().filter(|one| one.name == name);
            let attributes = &all.next().unwrap().attributes;
            assert!(!attributes.iter().any(|(key, _)| key == "go.packages-cut"));
            let mut told = attributes.iter().filter(|(key, _)| key == "go.packages");
            told.next().unwrap().1.as_str()
        };
        assert_eq!(packages("example.com/App"), "cmd/tool inner", "{os}");
        assert_eq!(packages("example.com/old"), "used", "{os}");
        assert_eq!(packages("gopkg.in/dep.v3"), ".", "{os}");
        let standard: Vec<&str> = packages("stdlib").split(' ').collect();
        for linked in ["runtime", "encoding/hex", "strings"] {
            assert!(standard.contains(&linked), "{os}: {standard:?}");
        }
        assert!(!standard.contains(&"net/http"), "{standard:?}");
        // What is told are packages, and few that the program does not import: the runtime holds functions
        // of some (`os/signal`) in any case.
        let listed = Command::new("go")
            .args(["list", "std"])
            .current_dir(&folder)
            .envs([("GOOS", os), ("GOARCH", machine), ("CGO_ENABLED", "0")])
            .output()
            .unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        let known: Vec<&str> = listed.lines().collect();
        assert!(known.len() > 100);
        let odd = |package: &&&str| !known.contains(package);
        let odd: Vec<_> = standard.iter().filter(odd).collect();
        assert!(odd.is_empty(), "{os}/{machine}: {odd:?}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_damage_is_survived_and_what_is_told_are_paths(
        place in any::<proptest::sample::Index>(),
        bytes in proptest::collection::vec(any::<u8>(), 1..40),
        length in any::<proptest::sample::Index>(),
        form in 0..12_usize,
    ) {
        let mut data = file(64, &[table(forms()[form], &NAMES), table(NEWEST, &NAMES)]);
        let at = place.index(data.len());
        for (to, from) in data[at..].iter_mut().zip(&bytes) {
            *to = *from;
        }
        data.truncate(1 + length.index(data.len()));
        for path in linked(&data).unwrap_or_default() {
            prop_assert!(!path.is_empty());
            prop_assert!(!path.contains(|letter: char| letter.is_whitespace() || letter.is_control()), "{path:?}");
        }
    }

    #[test]
    fn any_names_are_survived(names in proptest::collection::vec("[ -~\\x01\u{e9}]{0,80}", 0..60)) {
        let names: Vec<&str> = names.iter().map(String::as_str).chain(["runtime.main"]).collect();
        let told = linked(&file(64, &[table(NEWEST, &names)])).unwrap();
        prop_assert!(told.iter().any(|path| path == "runtime"));
        prop_assert!(told.is_sorted());
        let odd = |path: &String| path.contains([' ', '\x01']);
        prop_assert!(!told.iter().any(odd));
    }
}
