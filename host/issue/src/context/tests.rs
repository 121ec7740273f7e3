#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use proptest::prelude::*;

use super::*;

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn api() -> PlaceFacts {
    place(
        "acme/shop/api",
        "acme/shop",
        &pairs(&[("topics", "payments"), ("visibility", "internal")]),
    )
}

fn image(tags: &[&str], labels: &[(&str, &str)]) -> ImageFacts {
    ImageFacts {
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        labels: pairs(labels),
        ..ImageFacts::default()
    }
}

fn owners(resolved: &Resolved) -> Vec<String> {
    resolved
        .context
        .owners
        .iter()
        .map(|one| format!("{} {}", one.from, one.name))
        .collect()
}

#[test]
fn without_a_policy_a_project_is_an_application_and_its_repository_a_service() {
    let found = resolve(&Policy::default(), &Project::default(), &api(), &[]);
    assert_eq!(found.context.application, "acme/shop");
    assert_eq!(found.context.service.as_deref(), Some("api"));
    assert_eq!(found.context.team, None);
    assert_eq!(found.facts.application, "acme/shop");
    assert_eq!(
        (
            found.facts.priority,
            found.facts.environment,
            found.facts.internet_facing
        ),
        (None, None, None)
    );
    let root = place("acme/shop", "acme/shop", &[]);
    assert_eq!(
        resolve(&Policy::default(), &Project::default(), &root, &[])
            .context
            .service,
        None
    );
    // `acme/shopping` is not below `acme/shop`.
    let other = place("acme/shopping/api", "acme/shop", &[]);
    assert_eq!(
        resolve(&Policy::default(), &Project::default(), &other, &[])
            .context
            .service,
        None
    );
}

#[test]
fn the_attributes_of_a_location_become_facts() {
    let facts = place(
        "a/b",
        "a/b",
        &pairs(&[
            ("topics", "x"),
            ("topics", "y"),
            ("topics", "x"),
            ("visibility", "public"),
            ("archived", "true"),
            ("last-activity", "2026-01-01T00:00:00Z"),
        ]),
    );
    assert_eq!(facts.topics, ["x", "y"]);
    assert_eq!(facts.visibility.as_deref(), Some("public"));
    assert_eq!(facts.archived, Some(true));
    assert_eq!(facts.last_activity.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(
        place("a/b", "a/b", &pairs(&[("archived", "perhaps")])).archived,
        None
    );
}

const POLICY: &str = r#"
[[application]]
name = "checkout"
match = { project = "acme/shop", topic = "pci*" }

[[application]]
name = "shop"
service = "front"
team = "storefront"
priority = "critical"
internet-facing = true
environment = "staging"
data = ["payment", "personal"]
owners = ["@mira"]
match = { group = "acme", topic = "PAYMENTS" }

[[application]]
name = "too late"
match = { project = "**" }

[[team]]
name = "storefront"
owners = ["@acme/storefront", "@MIRA"]

[[team]]
name = "images"
match = { label = { "com.example.kind" = "base*" } }

[[owner]]
owners = ["@acme/platform"]
match = { repository = "acme/*/api" }

[[environment]]
name = "production"
match = { tag = ["v[0-9]*"] }

[[environment]]
name = "development"
match = { branch = "feature/*" }
"#;

#[test]
fn the_first_application_that_matches_counts_and_all_its_keys_must() {
    let policy = Policy::parse(POLICY).unwrap();
    let found = resolve(
        &policy,
        &Project::default(),
        &api(),
        &[image(&["latest"], &[])],
    );
    insta::assert_json_snapshot!((&found.context, &found.facts, &found.notes), @r####"
[
  {
    "application": "shop",
    "service": "front",
    "team": "storefront",
    "priority": "critical",
    "environment": "staging",
    "owners": [
      {
        "name": "@mira",
        "from": "policy"
      },
      {
        "name": "@acme/platform",
        "from": "policy"
      },
      {
        "name": "@acme/storefront",
        "from": "policy"
      }
    ]
  },
  {
    "application": "shop",
    "priority": "critical",
    "environment": "staging",
    "internet_facing": true,
    "data": [
      "payment",
      "personal"
    ]
  },
  [
    "The application is shop: the policy's application 2, by group acme, topic PAYMENTS.",
    "@acme/platform: the policy's owners, by repository acme/*/api."
  ]
]
"####);
}

#[test]
fn an_environment_is_told_by_an_image_before_its_application() {
    let policy = Policy::parse(POLICY).unwrap();
    let of = |project: &Project, images: &[ImageFacts]| {
        resolve(&policy, project, &api(), images)
            .facts
            .environment
            .unwrap()
    };
    let none = Project::default();
    assert_eq!(of(&none, &[]), "staging");
    assert_eq!(of(&none, &[image(&["v1"], &[])]), "production");
    let feature = image(
        &["x"],
        &[("org.opencontainers.image.ref.name", "feature/x")],
    );
    assert_eq!(of(&none, std::slice::from_ref(&feature)), "development");
    // The first table of the file counts, whichever image it is about.
    assert_eq!(of(&none, &[feature, image(&["v2"], &[])]), "production");
    let mut on_branch = Project::default();
    let tagged = [image(&["feature/main"], &[])];
    assert_eq!(of(&on_branch, &tagged), "staging");
    on_branch.default_branch = Some("feature/main".to_owned());
    assert_eq!(of(&on_branch, &tagged), "development");
}

#[test]
fn an_environment_of_a_project_holds_without_images() {
    let policy =
        Policy::parse("[[environment]]\nname = \"Test\"\nmatch = { group = \"acme\" }").unwrap();
    let of = |location: &str, project: &str| {
        let place = place(location, project, &[]);
        resolve(&policy, &Project::default(), &place, &[])
            .facts
            .environment
    };
    assert_eq!(of("acme/shop/api", "acme/shop").as_deref(), Some("test"));
    // A group takes what is in the groups below it.
    assert_eq!(of("acme/a/b/c", "acme/a/b/c").as_deref(), Some("test"));
    assert_eq!(of("acmes/shop", "acmes/shop"), None);
}

#[test]
fn names_that_a_terminal_acts_on_are_not_shown() {
    let project = Project::of(&pairs(&[
        (
            "codeowners",
            "[Do\u{1b}[2Jcs] @a\u{1b}b @fine x\u{202e}@y.z\n*\n",
        ),
        ("maintainers", "a\u{1b}b,ok"),
    ]));
    let labels = [
        ("maintainer", "m\u{202e}x"),
        ("com.example.team", "t\u{200b}"),
    ];
    let found = resolve(&Policy::default(), &project, &api(), &[image(&[], &labels)]);
    assert_eq!(owners(&found), ["codeowners @fine", "maintainer @ok"]);
    assert_eq!(found.context.team, None);
    let is_plain = |note: &String| !note.chars().any(char::is_control);
    assert!(found.notes.iter().all(is_plain), "{:?}", found.notes);
}

#[test]
fn labels_name_a_team_and_a_service_where_the_policy_does_not() {
    let labels = [
        ("com.example.team", "blue"),
        ("com.example.service", "pay"),
        ("com.example.kind", "base-os"),
    ];
    let found = resolve(
        &Policy::default(),
        &Project::default(),
        &api(),
        &[image(&[], &labels)],
    );
    assert_eq!(
        (
            found.context.team.as_deref(),
            found.context.service.as_deref()
        ),
        (Some("blue"), Some("pay"))
    );
    let policy = Policy::parse(POLICY).unwrap();
    let found = resolve(&policy, &Project::default(), &api(), &[image(&[], &labels)]);
    assert_eq!(
        (
            found.context.team.as_deref(),
            found.context.service.as_deref()
        ),
        (Some("storefront"), Some("front"))
    );
    let elsewhere = place("other/x", "other/x", &[]);
    let found = resolve(
        &policy,
        &Project::default(),
        &elsewhere,
        &[image(&[], &labels)],
    );
    assert_eq!(found.context.team.as_deref(), Some("images"));
    let broken = [("com.example.team", "a\u{1b}[2Jb")];
    let found = resolve(
        &Policy::default(),
        &Project::default(),
        &api(),
        &[image(&[], &broken)],
    );
    assert_eq!(found.context.team, None);
}

#[test]
fn a_label_never_says_how_important_an_application_is() {
    let labels = [
        ("com.example.priority", "low"),
        ("com.example.application", "x"),
        ("environment", "test"),
    ];
    let with = resolve(
        &Policy::default(),
        &Project::default(),
        &api(),
        &[image(&[], &labels)],
    );
    let without = resolve(&Policy::default(), &Project::default(), &api(), &[]);
    assert_eq!(with.facts, without.facts);
}

#[test]
fn owners_come_the_nearest_first_and_once() {
    let policy = Policy::parse(POLICY).unwrap();
    let project = Project::of(&pairs(&[
        (
            "codeowners",
            "* @everybody\n/api/ @api-team @mira\n[Docker]\nDockerfile @docker\n",
        ),
        ("codeowners-path", ".gitlab/CODEOWNERS"),
        ("maintainers", "jo, mira"),
        ("maintainers", "ann@example.com"),
    ]));
    let labels = [
        ("maintainer", "Distro Team <team@distro.example>"),
        ("org.opencontainers.image.vendor", "ACME"),
        (
            "org.opencontainers.image.authors",
            "https://example.com/people",
        ),
    ];
    let found = resolve(&policy, &project, &api(), &[image(&[], &labels)]);
    assert_eq!(
        owners(&found),
        [
            "policy @mira",
            "policy @acme/platform",
            "policy @acme/storefront",
            "codeowners @api-team",
            "codeowners @docker",
            "label team@distro.example",
            "label ACME",
            "maintainer @jo",
            "maintainer ann@example.com",
        ]
    );
    let said = found
        .notes
        .iter()
        .find(|note| note.contains("@api-team"))
        .unwrap();
    assert_eq!(
        said,
        "@api-team, @mira: line 2 of .gitlab/CODEOWNERS, which is about api/Dockerfile."
    );
}

#[test]
fn an_entry_about_the_image_counts_before_one_about_everything() {
    let of = |file: &str, location: &str| {
        let project = Project::of(&pairs(&[("codeowners", file)]));
        owners(&resolve(
            &Policy::default(),
            &project,
            &place(location, "acme/shop", &[]),
            &[],
        ))
        .join("; ")
    };
    let file = "* @all\n/docker/ @ops\n/api/ @api\n/jobs/mail/Containerfile @mail\n";
    assert_eq!(of(file, "acme/shop/api"), "codeowners @api");
    assert_eq!(of(file, "acme/shop/jobs/mail"), "codeowners @mail");
    assert_eq!(of(file, "acme/shop/web"), "codeowners @ops");
    assert_eq!(of(file, "acme/shop"), "codeowners @ops");
    assert_eq!(
        of("* @all\n/docs/ @docs\n", "acme/shop/api"),
        "codeowners @all"
    );
    assert_eq!(of("/docs/ @docs\n", "acme/shop/api"), "");
    assert_eq!(
        of("* @all\nDockerfile.api @api\n", "acme/shop/api"),
        "codeowners @api"
    );
    assert_eq!(
        of("* @all\n[Ops] @ops\n/Dockerfile\n", "acme/shop"),
        "codeowners @ops; codeowners @all"
    );
}

#[test]
fn a_file_in_pieces_is_one_file() {
    let whole = Project::of(&pairs(&[("codeowners", "* @a\n/api/ @b")]));
    let pieces = Project::of(&pairs(&[
        ("codeowners", "* @a"),
        ("codeowners", "/api/ @b"),
    ]));
    assert_eq!(whole.codeowners, pieces.codeowners);
    assert_eq!(
        Project::of(&pairs(&[("codeowners", " \n")])).codeowners,
        None
    );
}

#[test]
fn what_many_name_is_capped() {
    let many = (0..500)
        .map(|n| format!("@u{n}"))
        .collect::<Vec<_>>()
        .join(" ");
    let project = Project::of(&pairs(&[
        ("codeowners", &format!("* {many}")),
        ("maintainers", &many.replace(' ', ",")),
    ]));
    assert_eq!(project.maintainers.len(), 20);
    assert_eq!(
        resolve(&Policy::default(), &project, &api(), &[])
            .context
            .owners
            .len(),
        20
    );
    let names = (0..50)
        .map(|n| format!("n{n}"))
        .collect::<Vec<_>>()
        .join(",");
    let found = resolve(
        &Policy::default(),
        &Project::default(),
        &api(),
        &[image(&[], &[("maintainer", &names)])],
    );
    assert_eq!(found.context.owners.len(), 5);
}

#[test]
fn owners_that_could_not_be_found_out_are_said_to_be_so() {
    let file = format!("*{}b @x\n", "a".repeat(400)).repeat(900);
    let project = Project::of(&pairs(&[("codeowners", &file)]));
    let deep = format!("acme/shop/{}", "a".repeat(900));
    let found = resolve(
        &Policy::default(),
        &project,
        &place(&deep, "acme/shop", &[]),
        &[],
    );
    assert!(
        found
            .notes
            .iter()
            .any(|note| note.contains("its owners are not known")),
        "{:?}",
        found.notes
    );
}

proptest! {
    #[test]
    fn any_attributes_are_answered(
        attributes in proptest::collection::vec(
            (proptest::sample::select(vec!["codeowners", "maintainers", "topics", "archived", "default-branch"]), ".{0,60}"), 0..12),
        labels in proptest::collection::vec(
            (proptest::sample::select(vec!["maintainer", "com.example.team", "org.opencontainers.image.vendor"]), ".{0,60}"), 0..6),
        location in ".{0,40}", project in ".{0,40}",
    ) {
        let attributes = pairs(&attributes.iter().map(|(k, v)| (*k, v.as_str())).collect::<Vec<_>>());
        let labels: Vec<(&str, &str)> = labels.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let place = place(&location, &project, &attributes);
        let told = Project::of(&attributes);
        let images = [image(&["t"], &labels)];
        let policy = Policy::parse(POLICY).unwrap();
        let first = resolve(&policy, &told, &place, &images);
        prop_assert_eq!(&first, &resolve(&policy, &told, &place, &images));
        prop_assert!(first.context.owners.len() <= 20);
    }
}
