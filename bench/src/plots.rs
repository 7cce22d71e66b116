//! What was found, as pictures for `docs/performance.md`.

use std::{error::Error, fs, path::Path};

use plotters::prelude::*;
use serde_json::Value;

use crate::report::RESULTS;

const DIRECTORY: &str = "docs/performance";
/// One after the other.
const COLOURS: [RGBColor; 3] = [RGBColor(47, 111, 94), RGBColor(154, 176, 168), RGBColor(201, 140, 74)];
const BAR_HEIGHT: u32 = 22;

/// A name, and a value of each series.
type Group = (String, Vec<f64>);

/// Draws them all.
pub(crate) fn draw() -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(DIRECTORY)?;
    let full = figures("full")?;
    let mut parts = Vec::new();
    for engine in ["SQLite", "PostgreSQL"] {
        for call in ["GetTask", "ListTasks of 50"] {
            let sum =
                value(&full, &format!("{call}: bare tonic"))? + value(&full, &format!("{call}, {engine}: bare sqlx"))?;
            parts.push((
                format!("{call}, {engine}"),
                vec![value(&full, &format!("{call}, {engine}"))?, sum],
            ));
        }
        let refresh = format!("Refresh, {engine}");
        let sum = value(&full, &format!("{refresh}: bare tonic and one guarded UPDATE"))?;
        parts.push((refresh.clone(), vec![value(&full, &refresh)?, sum]));
    }
    let series = ["Holdfast", "bare tonic + bare sqlx"];
    bars("parts.svg", "CPU of a call, in microseconds", &series, &parts)?;

    let latencies: Vec<Group> = full
        .iter()
        .filter(|figure| figure["p50"].is_number())
        .map(|figure| {
            let values = ["p50", "p99", "p99.9"].map(|name| figure[name].as_f64().unwrap_or_default() / 1e3);
            (figure["name"].as_str().unwrap_or_default().to_owned(), values.to_vec())
        })
        .fold(Vec::new(), |mut groups: Vec<Group>, group| {
            // The last of the rounds.
            groups.retain(|(name, _)| *name != group.0);
            groups.push(group);
            groups
        });
    bars(
        "latencies.svg",
        "From the call to its answer, in milliseconds",
        &["p50", "p99", "p99.9"],
        &latencies,
    )?;

    let peers = figures("peers")?;
    let calls = ["get", "page of 50", "create", "refresh"].map(|call| {
        let ours = value(&peers, &format!("REST, {call}, Holdfast's three processes"))?;
        Ok::<_, Box<dyn Error>>((
            call.to_owned(),
            vec![ours, value(&peers, &format!("REST, {call}, FastAPI"))?],
        ))
    });
    let calls = calls.into_iter().collect::<Result<Vec<_>, _>>()?;
    bars(
        "peers.svg",
        "CPU of a call over REST, in microseconds",
        &["Holdfast", "FastAPI"],
        &calls,
    )
}

fn figures(run: &str) -> Result<Vec<Value>, Box<dyn Error>> {
    let path = Path::new(RESULTS).join(run).with_extension("json");
    let text =
        fs::read(&path).map_err(|error| format!("{}: {error}; run scripts/bench {run} first", path.display()))?;
    let results: Value = serde_json::from_slice(&text)?;
    Ok(results["figures"].as_array().cloned().unwrap_or_default())
}

fn value(figures: &[Value], name: &str) -> Result<f64, Box<dyn Error>> {
    let found = figures
        .iter()
        .find(|figure| figure["name"] == name && figure["value"].is_number());
    Ok(found
        .and_then(|figure| figure["value"].as_f64())
        .ok_or_else(|| format!("no figure is called {name}"))?)
}

/// Horizontal bars, in groups.
fn bars(file: &str, title: &str, series: &[&str], groups: &[Group]) -> Result<(), Box<dyn Error>> {
    let path = Path::new(DIRECTORY).join(file);
    let a_group = series.len() + 1;
    let rows = groups.len() * a_group;
    let height = u32::try_from(rows)? * BAR_HEIGHT + 110;
    let most = groups
        .iter()
        .flat_map(|(_, values)| values)
        .copied()
        .fold(0.0, f64::max);
    let area = SVGBackend::new(&path, (900, height)).into_drawing_area();
    area.fill(&WHITE)?;
    let rows_end = i32::try_from(rows)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(32)
        .y_label_area_size(330)
        .build_cartesian_2d(0.0..most * 1.15, rows_end..0)?;
    let name = |row: &i32| {
        let row = usize::try_from(*row).unwrap_or_default();
        match groups.get(row / a_group) {
            Some((name, _)) if row % a_group == series.len() / 2 => name.clone(),
            _ => String::new(),
        }
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(rows)
        .y_label_formatter(&name)
        .label_style(("sans-serif", 13))
        .draw()?;
    for (place, series) in series.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        let mut drawn = Vec::new();
        for (number, (_, values)) in groups.iter().enumerate() {
            let row = i32::try_from(number * a_group + place)?;
            let value = values[place];
            drawn.push((row, value));
        }
        chart
            .draw_series(
                drawn
                    .iter()
                    .map(|(row, value)| Rectangle::new([(0.0, *row), (*value, row + 1)], colour.filled())),
            )?
            .label(*series)
            .legend(move |(x, y)| Rectangle::new([(x, y - 5), (x + 12, y + 5)], colour.filled()));
        chart.draw_series(drawn.iter().map(|(row, value)| {
            let digits = if *value < 10.0 { 2 } else { 0 };
            Text::new(format!(" {value:.digits$}"), (*value, *row), ("sans-serif", 12))
        }))?;
    }
    chart
        .configure_series_labels()
        .border_style(BLACK)
        .background_style(WHITE)
        .label_font(("sans-serif", 13))
        .position(SeriesLabelPosition::LowerRight)
        .draw()?;
    area.present()?;
    println!("drawn: {}", path.display());
    Ok(())
}
