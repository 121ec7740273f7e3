//! Renders every page with samples into a folder, to be looked at in a browser:
//! `cargo run -p ox-console --example look FOLDER`. Links to assets work when the folder is served at `/`.

use std::path::Path;

use ox_console::pages::entry;
use ox_console::{Chrome, assets, html};

#[path = "look/connect.rs"]
mod connect;
#[path = "look/overview.rs"]
mod overview;
#[path = "look/queue.rs"]
mod queue;

fn main() -> std::io::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "look".to_owned());
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder.join("assets"))?;
    for asset in assets::all() {
        std::fs::write(folder.join(asset.path.trim_start_matches('/')), asset.bytes)?;
    }
    let page = |name: &str, text: String| std::fs::write(folder.join(format!("{name}.html")), text);
    let parts = connect::pages()
        .into_iter()
        .chain(queue::pages())
        .chain(overview::pages());
    for (name, text) in parts {
        page(name, text)?;
    }
    page(
        "signin",
        html(&entry::SignIn {
            chrome: Chrome::open("Sign in"),
            error: Some("This name and password do not go together.".to_owned()),
            name: "ada".to_owned(),
            next: "/".to_owned(),
            nobody_yet: false,
        }),
    )
}
