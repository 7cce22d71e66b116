//! What the gateway serves of `web/`: which path answers with which file, as it was when the gateway was built.

/// A file and where it is served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    pub(crate) path: &'static str,
    pub(crate) content: &'static str,
    pub(crate) kind: Kind,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Html,
    Style,
    Script,
    Drawing,
}

impl Kind {
    /// The Content-Type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Style => "text/css; charset=utf-8",
            Self::Script => "text/javascript; charset=utf-8",
            Self::Drawing => "image/svg+xml",
        }
    }
}

macro_rules! page {
    ($path:literal, $file:literal, $kind:expr) => {
        Page {
            path: $path,
            content: include_str!(concat!("../web/", $file)),
            kind: $kind,
        }
    };
}

macro_rules! modules {
    ($($name:literal),+ $(,)?) => {
        [$(Page {
            path: concat!("/app/", $name, ".js"),
            content: include_str!(concat!("../web/app/", $name, ".js")),
            kind: Kind::Script,
        }),+]
    };
}

/// The pages. The web app is one of them, at the address of each of its views.
pub(crate) const PAGES: [Page; 13] = [
    page!("/", "index.html", Kind::Html),
    page!("/trash", "index.html", Kind::Html),
    page!("/account", "index.html", Kind::Html),
    page!("/sign-in", "index.html", Kind::Html),
    page!("/register", "index.html", Kind::Html),
    page!("/app.css", "app.css", Kind::Style),
    page!("/app/icon.svg", "app/icon.svg", Kind::Drawing),
    page!("/docs", "docs.html", Kind::Html),
    page!("/docs.js", "docs.js", Kind::Script),
    page!("/docs.css", "docs.css", Kind::Style),
    page!("/reset-password", "reset-password.html", Kind::Html),
    page!("/reset-password.js", "reset-password.js", Kind::Script),
    page!("/reset-password.css", "reset-password.css", Kind::Style),
];

/// The web app's modules, as they are in `web/app`.
pub(crate) const MODULES: [Page; 33] = modules![
    "account-view",
    "announce",
    "api",
    "bulk",
    "channel",
    "conflict",
    "connection",
    "dates",
    "dialogs",
    "dom",
    "drafts",
    "edits",
    "editor",
    "fields",
    "filters",
    "header",
    "live",
    "main",
    "outbox",
    "person",
    "quick-add",
    "register-view",
    "session",
    "shortcuts",
    "sign-in-view",
    "statistics",
    "store",
    "task",
    "task-item",
    "task-list",
    "tasks-view",
    "transfer",
    "trash-view",
];

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn every_module_is_served() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/app");
        let mut files: Vec<String> = fs::read_dir(directory)
            .expect("web/app")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "js"))
            .filter_map(|path| Some(format!("/app/{}", path.file_name()?.to_str()?)))
            .collect();
        files.sort_unstable();
        let mut served: Vec<&str> = MODULES.iter().map(|page| page.path).collect();
        served.sort_unstable();
        assert_eq!(served, files);
    }

    /// Nothing waits for another module to name it, and the first view waits for nothing that it does not need.
    #[test]
    fn every_module_is_loaded_in_time() {
        let mut first = vec!["/app/main.js".to_owned()];
        let mut place = 0;
        while let Some(path) = first.get(place) {
            let module = MODULES.iter().find(|page| page.path == path).expect("it is served");
            for import in module.content.split("from \"./").skip(1) {
                let name = import.split('"').next().expect("a name");
                let path = format!("/app/{name}");
                if !first.contains(&path) {
                    first.push(path);
                }
            }
            place += 1;
        }
        let (early, late) = PAGES[0].content.split_once("<template").expect("what is held back");
        for page in &MODULES {
            let is_first = first.iter().any(|path| path == page.path);
            let named = format!("\"{}\"", page.path);
            assert_eq!(early.contains(&named), is_first, "{}", page.path);
            assert_eq!(late.contains(&named), !is_first, "{}", page.path);
        }
    }
}
