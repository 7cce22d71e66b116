//! Every SQL statement of the service, found by reading its sources.

use std::{collections::BTreeSet, fs, path::Path};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use task_service::store::SCHEMA;

/// Any of these in capitals makes a literal SQL.
const KEYWORDS: [&str; 13] = [
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "MERGE",
    "TRUNCATE",
    "COPY",
    "WITH",
    "FROM",
    "INTO",
    "WHERE",
    "JOIN",
    "RETURNING",
];
/// So does a table after one of these, however it is written.
const BEFORE_A_TABLE: [&str; 7] = ["from", "into", "update", "join", "table", "truncate", "lock"];

/// The literals that are SQL. A part of a statement counts as one too, and will not parse: statements are written
/// in one piece.
pub(crate) fn statements(tables: &BTreeSet<String>) -> Vec<String> {
    let mut literals = Vec::new();
    literals_of_directory(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut literals);
    for path in literals.iter().filter(|literal| is_path_of_sql(literal)) {
        assert!(
            path.starts_with("../../migrations/"),
            "{path}: only the schema is a file"
        );
    }
    literals.retain(|literal| is_sql(literal, tables));
    literals
}

/// The steps of the schema.
pub(crate) fn schema() -> impl Iterator<Item = &'static str> {
    SCHEMA.postgres.iter().map(|step| step.sql)
}

fn is_path_of_sql(literal: &str) -> bool {
    Path::new(literal)
        .extension()
        .is_some_and(|extension| extension.eq_ignore_ascii_case("sql"))
}

fn is_sql(literal: &str, tables: &BTreeSet<String>) -> bool {
    let words: Vec<&str> = literal
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty())
        .collect();
    let names_a_table = words
        .windows(2)
        .any(|pair| BEFORE_A_TABLE.contains(&&*pair[0].to_lowercase()) && tables.contains(&pair[1].to_lowercase()));
    names_a_table || words.iter().any(|word| KEYWORDS.contains(word))
}

fn literals_of_directory(directory: &Path, literals: &mut Vec<String>) {
    for entry in fs::read_dir(directory).expect("the sources are there") {
        let path = entry.expect("the sources are there").path();
        if path.is_dir() {
            literals_of_directory(&path, literals);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(&path).expect("it is text");
            literals_of_tokens(source.parse().expect("it is Rust"), literals);
        }
    }
}

/// Those inside of macros too. Attributes are left out: comments are among them.
fn literals_of_tokens(tokens: TokenStream, literals: &mut Vec<String>) {
    let mut in_attribute = false;
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                if !(in_attribute && group.delimiter() == Delimiter::Bracket) {
                    literals_of_tokens(group.stream(), literals);
                }
                in_attribute = false;
            }
            TokenTree::Literal(literal) => {
                if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                    literals.push(text.value());
                }
            }
            TokenTree::Punct(punct) => match punct.as_char() {
                '#' => in_attribute = true,
                '!' => {}
                _ => in_attribute = false,
            },
            TokenTree::Ident(_) => in_attribute = false,
        }
    }
}
