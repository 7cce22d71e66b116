//! What the README says of the settings is what the binaries do.

use std::{fs, path::Path};

use platform::configuration::{DataCommand, Program, command};
use standalone::ADMIN_LISTEN;

const PROGRAM: Program = Program {
    name: "holdfast",
    about: "",
    needs: &[],
    listeners: &[],
    peers: &[],
    admin_listen: ADMIN_LISTEN,
};

/// The rows of the README's settings table: name, default, description.
fn documented() -> Vec<[String; 3]> {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).unwrap();
    let rows = readme.lines().filter(|line| line.starts_with("| `HOLDFAST_"));
    rows.map(|row| {
        let cells: Vec<_> = row
            .trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect();
        cells
            .try_into()
            .unwrap_or_else(|cells| panic!("three cells: {cells:?}"))
    })
    .collect()
}

#[test]
fn the_settings_table_is_what_the_binaries_accept() {
    let mut accepted = Vec::new();
    for argument in command::<DataCommand>(&PROGRAM)
        .get_arguments()
        .filter(|argument| argument.get_env().is_some())
    {
        let name = argument.get_env().unwrap().to_str().unwrap();
        let default = argument
            .get_default_values()
            .first()
            .map_or("", |value| value.to_str().unwrap());
        let default = if default.is_empty() {
            String::new()
        } else {
            format!("`{default}`")
        };
        let help = argument.get_help().unwrap().to_string();
        accepted.push([format!("`{name}`"), default, help]);
    }
    let documented = documented();
    for row in &accepted {
        assert!(
            documented.contains(row),
            "the README lacks this row:\n| {} |",
            row.join(" | ")
        );
    }
    assert_eq!(
        documented.len(),
        accepted.len(),
        "the README has a setting that is none"
    );
}
