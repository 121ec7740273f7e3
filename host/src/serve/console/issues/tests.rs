//! The pages of the queue over a real store, without a network.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn};
use proptest::prelude::*;
use tower::ServiceExt;

use super::*;
use crate::contract::{Finding, Observation, Severity as Said};
use crate::host::{HostOptions, SecretString};
use crate::scan::script::finding;
use crate::serve::ServeOptions;
use crate::serve::auth::{Actor, Role, Via};
use crate::store::LocationState;
use crate::store::tests::fixture;

/// A daemon with issues in it.
struct World {
    _folder: tempfile::TempDir,
    server: Arc<Server>,
    router: Router,
}

struct Answer {
    status: StatusCode,
    location: String,
    flash: String,
    text: String,
}

fn said(id: &str, severity: Said, change: impl FnOnce(&mut Finding)) -> Observation {
    let Observation::Finding(mut one) = finding(id, severity) else {
        panic!("a finding is a finding");
    };
    one.severity_as_said = format!("{severity:?}");
    one.package_name = Some(format!("package-{id}"));
    one.package_version = Some("1.0".to_owned());
    change(&mut one);
    Observation::Finding(one)
}

async fn world_of(first: Vec<Observation>, second: Vec<Observation>) -> World {
    let stored = fixture(&["acme/shop", "acme/till"]).await;
    stored.look(0, first, LocationState::Complete).await;
    stored.look(1, second, LocationState::Partial).await;
    let data_dir = stored.path();
    let folder = stored.folder;
    drop(stored.store);
    let host = Host::open(HostOptions {
        data_dir,
        cache_dir: None,
        jobs: 1,
        plugin: None,
        limits: Vec::new(),
    })
    .await
    .unwrap();
    host.settle_queue().await.unwrap();
    let server = Server::new(host, ServeOptions::default()).await.unwrap();
    let user = server
        .accounts
        .add_user(
            "mira",
            Role::Analyst,
            SecretString::new("correct horse battery".to_owned()),
        )
        .await
        .unwrap();
    let actor = Actor {
        user: user.id,
        name: "mira".to_owned(),
        role: Role::Analyst,
        via: Via::Console,
    };
    let router = routes().with_state(server.clone()).layer(from_fn(
        move |mut request: Request, next: Next| {
            request.extensions_mut().insert(actor.clone());
            next.run(request)
        },
    ));
    World {
        _folder: folder,
        server,
        router,
    }
}

async fn world() -> World {
    world_of(
        vec![
            said("1", Said::Critical, |_| {}),
            said("2", Said::High, |_| {}),
            said("3", Said::High, |one| one.title = "needle <b>".to_owned()),
        ],
        vec![said("4", Said::Low, |_| {})],
    )
    .await
}

impl World {
    async fn ask(&self, request: Request) -> Answer {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let header = |name| {
            let value = answer.headers().get(name);
            value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
        };
        let (status, location, flash) = (
            answer.status(),
            header(header::LOCATION),
            header(header::SET_COOKIE),
        );
        let bytes = to_bytes(answer.into_body(), 64 << 20).await.unwrap();
        Answer {
            status,
            location,
            flash: percent_encoding::percent_decode_str(&flash)
                .decode_utf8_lossy()
                .into_owned(),
            text: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        self.ask(request).await
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = Request::builder()
            .method("POST")
            .uri(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        self.ask(request).await
    }

    fn issue(&self, id: i64) -> ox_issue::Issue {
        self.server.host.issue(id).unwrap().issue
    }

    fn all(&self) -> Vec<ox_issue::Issue> {
        let all = Asked::read("standing=all");
        self.server
            .host
            .issues(&all.filter, &all.order(0))
            .unwrap()
            .issues
    }

    /// `id:version` of every issue, as the form of the list sends them.
    fn chosen(&self) -> Vec<String> {
        self.all()
            .iter()
            .map(|issue| format!("{}:{}", issue.id, crate::store::issues::version(issue)))
            .collect()
    }

    async fn bulk(&self, chosen: &[String], rest: &[(&str, &str)]) -> Answer {
        let mut fields: Vec<(&str, &str)> =
            chosen.iter().map(|one| ("issue", one.as_str())).collect();
        fields.extend_from_slice(rest);
        self.post("/issues/bulk", &fields).await
    }

    /// Where the flash of an answer undoes it.
    async fn undo(&self, answer: &Answer) -> Answer {
        let at = answer
            .flash
            .find("/issues/undo/")
            .expect("there is a way back");
        let number: String = answer.flash[at + 13..]
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        self.post(&format!("/issues/undo/{number}"), &[("next", "/issues")])
            .await
    }
}

/// How many rows of issues a page has.
fn row_count(answer: &Answer) -> usize {
    answer.text.matches("<tr data-issue=").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_takes_what_its_address_says() {
    let world = world().await;
    let page = world.get("/issues").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(row_count(&page), 4);
    assert_eq!(row_count(&world.get("/issues?source-tool=GitLab").await), 4);
    assert_eq!(row_count(&world.get("/issues?text=needle").await), 1);
    assert_eq!(row_count(&world.get("/issues?location=acme/till").await), 1);
    let none = world.get("/issues?package=nobody").await;
    assert!(none.text.contains("No issue is like that"));
    let wrong = world.get("/issues?severity=dire").await;
    assert!(
        wrong.text.contains("can&#39;t be “dire”") || wrong.text.contains("can&#x27;t be “dire”"),
        "{}",
        wrong.text
    );
    let unknown = world.get("/issues?connection=nobody").await;
    assert_eq!(unknown.status, StatusCode::OK);
    assert!(unknown.text.contains("This list can"), "{}", unknown.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_scanned_completely_is_told_beside_the_list() {
    let world = world().await;
    let page = world.get("/issues").await;
    assert!(
        page.text.contains("1 of 2 locations scanned so far"),
        "{}",
        page.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_group_leads_to_the_issues_that_it_counts() {
    let world = world().await;
    for by in ["cve", "package", "image", "application"] {
        let page = world.get(&format!("/issues?group={by}")).await;
        assert_eq!(page.status, StatusCode::OK, "{by}");
        let groups: Vec<&str> = page.text.split("<th scope=\"row\"").skip(1).collect();
        assert!(!groups.is_empty(), "{by}");
        for group in groups {
            let href = group
                .split("href=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap();
            let href = href.replace("&#38;", "&").replace("&amp;", "&");
            let count = group.split("<td class=\"number\">").nth(1).unwrap();
            let count: usize = count.split('<').next().unwrap().parse().unwrap();
            assert_eq!(row_count(&world.get(&href).await), count, "{href}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sorting_by_every_column_shows_every_issue_once() {
    let world = world().await;
    for (_, sort) in query::SORTS {
        for reverse in ["", "&reverse=true"] {
            let asked = Asked::read(&format!("sort={sort}{reverse}"));
            let mut order = asked.order(1);
            let mut seen = Vec::new();
            loop {
                let page = world.server.host.issues(&asked.filter, &order).unwrap();
                seen.extend(page.issues.iter().map(|issue| issue.id));
                match page.next {
                    Some(next) => order.after = Some(next),
                    None => break,
                }
            }
            let mut sorted = seen.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [1, 2, 3, 4], "{sort}{reverse}: {seen:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_leads_to_the_ones_beside_it_in_its_list() {
    let world = world().await;
    let asked = Asked::read("sort=title");
    let page = world
        .server
        .host
        .issues(&asked.filter, &asked.order(0))
        .unwrap();
    let ids: Vec<i64> = page.issues.iter().map(|issue| issue.id).collect();
    let shown = world
        .get(&format!("/issues/{}?list=sort%3Dtitle", ids[1]))
        .await;
    assert_eq!(shown.status, StatusCode::OK);
    for (rel, id) in [("prev", ids[0]), ("next", ids[2])] {
        let link = format!("rel=\"{rel}\" href=\"/issues/{id}?list=sort%3Dtitle\"");
        assert!(shown.text.contains(&link), "{link}");
    }
    assert_eq!(world.get("/issues/999").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get("/issues/x").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_issues_are_worked_on_at_once_and_undo_brings_them_back() {
    let world = world().await;
    let before: Vec<_> = world.all();
    for (rest, is_done) in [
        (
            vec![("act", "assign"), ("to", "jun")],
            (|issue| issue.assignee.as_deref() == Some("jun")) as fn(&ox_issue::Issue) -> bool,
        ),
        (
            vec![
                ("act", "severity"),
                ("to-severity", "Info"),
                ("severity-reason", "a test"),
            ],
            |issue| issue.severity == ox_issue::Severity::Info,
        ),
        (
            vec![
                ("act", "exclude"),
                ("kind", "false-positive"),
                ("why", "it is not so"),
            ],
            |issue| issue.exclusion.is_some(),
        ),
    ] {
        let answer = world.bulk(&world.chosen(), &rest).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        assert!(world.all().iter().all(is_done), "{rest:?}");
        let undone = world.undo(&answer).await;
        assert!(undone.flash.contains("as before"), "{}", undone.flash);
        for (was, is) in before.iter().zip(world.all()) {
            assert_eq!(
                (was.severity, &was.override_, &was.assignee, &was.exclusion),
                (is.severity, &is.override_, &is.assignee, &is.exclusion),
                "{rest:?}"
            );
        }
        // Once.
        assert!(world.undo(&answer).await.flash.contains("can't be undone"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn undo_leaves_alone_what_somebody_did_since() {
    let world = world().await;
    let answer = world
        .bulk(&world.chosen(), &[("act", "assign"), ("to", "jun")])
        .await;
    world
        .server
        .host
        .assign(2, Some("ada"), "ada")
        .await
        .unwrap();
    let undone = world.undo(&answer).await;
    assert!(
        undone.flash.contains("1 issue was changed since"),
        "{}",
        undone.flash
    );
    assert_eq!(world.issue(2).assignee.as_deref(), Some("ada"));
    assert_eq!(world.issue(1).assignee, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_edits_what_somebody_else_changed_is_asked_first() {
    let world = world().await;
    let old = crate::store::issues::version(&world.issue(1));
    world
        .server
        .host
        .assign(1, Some("ada"), "ada")
        .await
        .unwrap();
    let fields = [
        ("version", old.as_str()),
        ("to", "jun"),
        ("next", "/issues/1"),
    ];
    let answer = world.post("/issues/1/assign", &fields).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.text.contains("ada") && answer.text.contains("jun"));
    assert_eq!(world.issue(1).assignee.as_deref(), Some("ada"));
    // "Do it all the same" says the state that was shown.
    let fresh = crate::store::issues::version(&world.issue(1));
    assert!(answer.text.contains(&fresh));
    let again = [
        ("version", fresh.as_str()),
        ("to", "jun"),
        ("next", "/issues/1"),
    ];
    let answer = world.post("/issues/1/assign", &again).await;
    assert_eq!(answer.location, "/issues/1");
    assert_eq!(world.issue(1).assignee.as_deref(), Some("jun"));
    // Many at once: all or nothing.
    let chosen = world.chosen();
    world
        .server
        .host
        .assign(4, Some("ada"), "ada")
        .await
        .unwrap();
    let answer = world
        .bulk(&chosen, &[("act", "assign"), ("to", "eve")])
        .await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(
        world
            .all()
            .iter()
            .all(|issue| issue.assignee.as_deref() != Some("eve"))
    );
    // A form that does not say what it edits is refused.
    let answer = world.post("/issues/1/assign", &[("to", "eve")]).await;
    assert_eq!(answer.status, StatusCode::PRECONDITION_REQUIRED);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_a_list_means_all_that_its_filter_takes() {
    let world = world().await;
    let fields = [
        ("query", "location=acme%2Fshop"),
        ("reach", "all"),
        ("act", "assign-me"),
    ];
    let answer = world.post("/issues/bulk", &fields).await;
    assert_eq!(answer.location, "/issues?location=acme%2Fshop");
    let mine = world
        .all()
        .iter()
        .filter(|issue| issue.assignee.as_deref() == Some("mira"))
        .count();
    assert_eq!(mine, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_thousand_at_once_is_refused_with_a_sentence() {
    let world = world().await;
    let many: Vec<String> = (1..=1001).map(|id| id.to_string()).collect();
    let answer = world.bulk(&many, &[("act", "assign"), ("to", "jun")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer.text.contains("at most 1000 issues"),
        "{}",
        answer.text
    );
    assert!(world.all().iter().all(|issue| issue.assignee.is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edit_without_its_reason_or_with_a_wrong_end_is_refused_and_changes_nothing() {
    let world = world().await;
    let chosen = world.chosen();
    for rest in [
        vec![("act", "severity"), ("to-severity", "Low")],
        vec![("act", "exclude")],
        vec![("act", "exclude"), ("why", "later"), ("kind", "snoozed")],
        vec![("act", "exclude"), ("why", "x"), ("until", "tomorrow")],
        vec![("act", "exclude"), ("why", "x"), ("until", "2001-01-01")],
        vec![
            ("act", "severity"),
            ("to-severity", "dire"),
            ("severity-reason", "x"),
        ],
    ] {
        let answer = world.bulk(&chosen, &rest).await;
        assert_eq!(
            answer.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{rest:?} {}",
            answer.text
        );
    }
    assert_eq!(world.chosen(), chosen);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_kept_marked_when_changed_and_only_its_owners() {
    let world = world().await;
    let fields = [
        ("name", "My list"),
        ("query", "severity=high&sort=title&after=i3/1"),
    ];
    let saved = world.post("/issues/views", &fields).await;
    assert_eq!(saved.location, "/issues?severity=high&sort=title&view=1");
    let page = world.get(&saved.location).await;
    assert!(
        page.text.contains("aria-current=\"true\">My list</a>"),
        "{}",
        page.text
    );
    let changed = world.get("/issues?severity=low&view=1").await;
    assert!(
        changed.text.contains("My list <span class=\"changed\">"),
        "{}",
        changed.text
    );
    // The same filters are that view, by whatever way one came.
    let same = world.get("/issues?sort=title&severity=high").await;
    assert!(same.text.contains("aria-current=\"true\">My list</a>"));
    let other = world.server.host.rename_view(99, 1, "Theirs").await;
    assert!(other.unwrap_err().to_string().contains("no such view"));
    let gone = world
        .post("/issues/views/1", &[("do", "delete"), ("query", "view=1")])
        .await;
    assert_eq!(gone.location, "/issues");
    assert!(!world.get("/issues").await.text.contains("My list"));
    let nameless = world.post("/issues/views", &[("name", " ")]).await;
    assert_eq!(nameless.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn views_keep_the_order_that_their_owner_gives_them() {
    let world = world().await;
    for name in ["One", "Two", "Three"] {
        world.post("/issues/views", &[("name", name)]).await;
    }
    world.post("/issues/views/3", &[("do", "first")]).await;
    world.post("/issues/views/1", &[("do", "last")]).await;
    let user = 1;
    let names: Vec<String> = world
        .server
        .host
        .saved_views(user)
        .unwrap()
        .into_iter()
        .map(|view| view.name)
        .collect();
    assert_eq!(names, ["Three", "One", "Two"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_exports_what_is_filtered() {
    let world = world().await;
    for format in Format::ALL {
        let path = format!("/issues/export?format={}&text=needle", format.name());
        let answer = world.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert!(!answer.text.is_empty(), "{path}");
        assert!(!answer.text.contains("finding 1"), "{path}");
    }
    let lines = world.get("/issues/export?format=jsonl").await;
    assert_eq!(lines.text.lines().count(), 4);
    let wrong = world.get("/issues/export?format=docx").await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    let wrong = world
        .get("/issues/export?format=csv&connection=nobody")
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exclusion_is_listed_ended_and_told_when_it_can_not_be_made() {
    let world = world().await;
    let fields = [
        ("scope", "location"),
        ("value", "acme/till"),
        ("reason", "old"),
        ("kind", "excluded"),
    ];
    let made = world.post("/exclusions", &fields).await;
    assert_eq!(made.location, "/exclusions");
    assert!(world.issue(4).exclusion.is_some());
    let list = world.get("/exclusions").await;
    assert!(list.text.contains("acme/till") && list.text.contains("/exclusions/1/end"));
    world.post("/exclusions/1/end", &[]).await;
    assert!(world.issue(4).exclusion.is_none());
    let wrong = world
        .post(
            "/exclusions",
            &[("scope", "rule"), ("value", "*"), ("reason", "all")],
        )
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        wrong.text.contains("covers every issue") && wrong.text.contains("value=\"all\""),
        "{}",
        wrong.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_stands_where_the_discussion_is() {
    let world = world().await;
    let said = world
        .post(
            "/issues/1/comment",
            &[("text", "I <b>ask</b>"), ("next", "https://evil.example")],
        )
        .await;
    assert_eq!(said.location, "/", "a form never leads to another host");
    let page = world.get("/issues/1").await;
    assert!(
        page.text.contains("I &#60;b&#62;ask&#60;/b&#62;"),
        "{}",
        page.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_steps_of_the_ladder_end_where_the_verdict_does() {
    let world = world().await;
    for issue in world.all() {
        let shown = ladder::of(&issue);
        let sum: f64 = f64::from(issue.verdict.original.rank())
            + issue
                .verdict
                .factors
                .iter()
                .map(|factor| factor.change)
                .sum::<f64>();
        let last = shown.steps.iter().rfind(|step| step.class == "to").unwrap();
        assert_eq!(last.badge.label, issue.verdict.severity.word());
        let factors = shown
            .steps
            .iter()
            .rfind(|step| matches!(step.class, "up" | "down" | "from"))
            .unwrap();
        assert_eq!(factors.score, ladder::number(sum), "{shown:#?}");
        assert!(shown.answer.contains(issue.verdict.original.word()));
        if issue.severity != issue.verdict.original {
            assert!(
                shown.answer.contains(issue.severity.word()),
                "{}",
                shown.answer
            );
        }
    }
}

/// Where a page has markup that no template of ours wrote.
fn foreign(page: &str) -> Option<String> {
    // A hidden value is sent back as it came; nobody sees it.
    let mut shown = String::new();
    for (at, part) in page.split(" value=\"").enumerate() {
        let rest = if at == 0 {
            part
        } else {
            part.split_once('"').map_or("", |(_, rest)| rest)
        };
        shown.push_str(rest);
    }
    let page = shown.as_str();
    ["<evil", "javascript:", "onerror=", "\u{202e}"]
        .iter()
        .find_map(|sign| {
            let at = page.find(sign)?;
            let is_text = sign.ends_with('=') || sign.ends_with(':');
            // An attribute's value or words may hold it; a tag or a link may not.
            let before = page.get(..at)?.rsplit(['<', '>']).next()?;
            (!is_text || before.ends_with("href=\"")).then(|| {
                page.get(at..(at + 80).min(page.len()))
                    .unwrap_or(sign)
                    .to_owned()
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn hostile_text_stays_text(hostile in "(<evil onerror=x>|\"'><evil>|javascript:alert\\(1\\)|\u{202e}|[a-z<>\"'&\\[\\]()]){1,12}") {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let poisoned = |id: &str| said(id, Said::High, |one| {
                one.title = hostile.clone();
                one.description = format!("[x]({hostile})\n\n- {hostile}\n\n`{hostile}`");
                one.package_name = Some(hostile.clone());
                one.solution = Some(hostile.clone());
                one.links = vec![crate::contract::Link { name: Some(hostile.clone()), url: hostile.clone() }];
                one.web_url = Some("javascript:alert(2)".to_owned());
                one.evidence = vec![("path".to_owned(), hostile.clone())];
            });
            let world = world_of(vec![poisoned("1")], vec![]).await;
            let query = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("text", &hostile)
                .append_pair("package", &hostile)
                .append_pair(&hostile, "x")
                .finish();
            let mut pages = vec![
                world.get("/issues").await,
                world.get("/issues?group=package").await,
                world.get(&format!("/issues?{query}")).await,
            ];
            for issue in world.all() {
                pages.push(world.get(&format!("/issues/{}", issue.id)).await);
            }
            for page in pages {
                assert_eq!(page.status, StatusCode::OK);
                assert_eq!(foreign(&page.text), None);
            }
        });
    }
}
