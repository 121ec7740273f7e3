//! Real programs, beside what their own tools say of them.

use super::*;

/// Go programs that a machine may have: Debian's.
const PROGRAMS: &[&str] = &[
    "/usr/bin/docker-registry",
    "/usr/bin/skopeo",
    "/usr/bin/umoci",
    "/usr/lib/go-1.19/bin/go",
];

/// `name version` of all modules, and the release, by `go version -m`.
fn by_go(path: &str) -> Option<Vec<String>> {
    let output = Command::new("go")
        .args(["version", "-m", path])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).unwrap();
    let (first, rest) = text.split_once('\n')?;
    let mut lines: Vec<String> = Vec::new();
    for line in rest.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields[..] {
            ["", "mod" | "dep", path, version, ..] => lines.push(format!("{path} {version}")),
            ["", "=>", path, version, ..] => *lines.last_mut()? = format!("{path} {version}"),
            _ => {}
        }
    }
    let release = first.rsplit_once(": go")?.1;
    lines.push(format!("stdlib {release}"));
    Some(
        lines
            .into_iter()
            .map(|line| line.replace("(devel)", ""))
            .collect(),
    )
}

fn check(path: &str) {
    let (Ok(file), Some(truth)) = (std::fs::File::open(path), by_go(path)) else {
        println!("skipped: {path} or go is not there");
        return;
    };
    let mut file = file;
    let mut found = Found::default();
    Binary
        .parse(&File::of_path("usr/bin/app"), &mut file, &mut found)
        .unwrap();
    assert_eq!(lines(&found), truth, "{path}");
    assert!(found.notes.is_empty());
}

#[test]
fn go_says_the_same_of_debians_programs() {
    for path in PROGRAMS {
        check(path);
    }
    // Others, where the machine names some.
    for path in std::env::var("OX_GO_PROGRAMS")
        .unwrap_or_default()
        .split(':')
    {
        if !path.is_empty() {
            check(path);
        }
    }
}

#[test]
fn go_says_the_same_of_what_it_builds_for_other_machines() {
    let folder = std::env::temp_dir().join(format!("ox-go-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("dep")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    write(
        "go.mod",
        "module example.com/App\ngo 1.18\nrequire example.com/dep v1.2.3\nreplace example.com/dep => ./dep\n",
    );
    write(
        "main.go",
        "package main\nimport \"example.com/dep\"\nfunc main() { println(dep.Name) }\n",
    );
    write("dep/go.mod", "module example.com/dep\n");
    write("dep/dep.go", "package dep\nvar Name = \"dep\"\n");
    for (os, machine) in [("linux", "mips"), ("windows", "386"), ("darwin", "arm64")] {
        let built = Command::new("go")
            .args(["build", "-o", "app", "."])
            .current_dir(&folder)
            .env("GOOS", os)
            .env("GOARCH", machine)
            .env("GOFLAGS", "-buildvcs=false")
            .status();
        if !built.is_ok_and(|status| status.success()) {
            println!("skipped: go does not build for {os}/{machine} here");
            continue;
        }
        let file = std::fs::read(folder.join("app")).unwrap();
        let found = parse(&file);
        let version = found.packages.last().unwrap().version.clone();
        assert_eq!(
            lines(&found),
            [
                "example.com/App ".to_owned(),
                "example.com/dep ".to_owned(),
                format!("stdlib {version}"),
            ],
            "{os}/{machine}"
        );
        assert!(version.starts_with("1."), "{version}");
        assert_eq!(attribute(&found.packages[0], "go.arch"), Some(machine));
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_cargo_auditable_built_is_read() {
    // Names one: the tool is not on every machine.
    let Some(path) = std::env::var_os("OX_AUDITABLE_PROGRAM") else {
        println!("skipped: OX_AUDITABLE_PROGRAM names no program");
        return;
    };
    let found = parse(&std::fs::read(path).unwrap());
    assert!(
        found
            .packages
            .iter()
            .any(|package| attribute(package, "rust.root") == Some("true"))
    );
    assert!(
        lines(&found)
            .iter()
            .all(|line| !line.starts_with("autocfg "))
    );
    println!("{}", lines(&found).join("\n"));
}
