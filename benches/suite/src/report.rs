//! What was measured, as a table for the terminal and for Markdown, as JSON, and as plots.

use std::fmt::Write;
use std::path::Path;

use plotters::prelude::*;

use crate::measure::{Figure, Result, Table, Who};

/// A time in the unit in which it reads well.
pub fn time(seconds: f64) -> String {
    match seconds {
        s if s >= 1.0 => format!("{s:.2} s"),
        s if s >= 1e-3 => format!("{:.2} ms", s * 1e3),
        s if s >= 1e-6 => format!("{:.2} us", s * 1e6),
        s => format!("{:.1} ns", s * 1e9),
    }
}

fn rate(seconds: f64) -> String {
    match 1.0 / seconds {
        r if r >= 1e6 => format!("{:.2} M/s", r / 1e6),
        r if r >= 1e3 => format!("{:.1} k/s", r / 1e3),
        r => format!("{r:.1} /s"),
    }
}

fn who(who: Who) -> &'static str {
    match who {
        Who::Ours => "ours",
        Who::Limit => "limit",
        Who::Peer => "",
    }
}

fn cells(figure: &Figure) -> [String; 6] {
    let Figure { name, seconds, range, ratio, failed, .. } = figure;
    let (Some(seconds), Some((least, most))) = (seconds, range) else {
        let why = failed.as_deref().unwrap_or("not measured");
        return [name.clone(), who(figure.who).into(), "-".into(), "-".into(), "-".into(), why.into()];
    };
    [
        name.clone(),
        who(figure.who).into(),
        time(*seconds),
        rate(*seconds),
        ratio.map_or("-".into(), |ratio| format!("x {ratio:.2}")),
        format!("{} - {}", time(*least), time(*most)),
    ]
}

/// For the terminal.
pub fn print(table: &Table) {
    println!("\n{}", table.title);
    for figure in &table.figures {
        let [name, who, time, rate, ratio, range] = cells(figure);
        println!("  {name:<42} {who:<6} {time:>10} {rate:>12} {ratio:>9}   {range}");
    }
}

/// Everything into `folder`: `report.md`, `report.json` and a plot for each kind of work.
pub fn write(folder: &Path, machine: &str, tables: &[Table]) -> Result<()> {
    let mut text = format!(
        "# What was measured\n\n{machine}\n\nTime and rate are of one operation, by the median round; the ratio is to our first way, above 1 for what is slower.\n"
    );
    for table in tables {
        writeln!(
            text,
            "\n## {}\n\n| way | | time | rate | ratio | rounds |\n| --- | --- | ---: | ---: | ---: | --- |",
            table.title
        )?;
        for figure in &table.figures {
            writeln!(text, "| {} |", cells(figure).join(" | "))?;
        }
    }
    let mut drawn = Vec::new();
    for (at, table) in tables.iter().enumerate() {
        let alone = tables.iter().filter(|other| other.key == table.key).count() == 1;
        let name = if alone { format!("{}.svg", table.key) } else { format!("{}_{at}.svg", table.key) };
        bars(&folder.join(&name), table)?;
        drawn.push(name);
    }
    for (key, title, names) in [
        (
            "echo",
            "Bytes to a process and back: time, by size",
            ["64 B", "4 KiB", "64 KiB", "1 MiB", "16 MiB", "64 MiB"].as_slice(),
        ),
        ("thread_many", "Tiny calls to threads: time a call, by workers", &["1", "2", "4", "8"]),
        ("cpu", "64 pieces of work: time of one, by workers", &["1", "2", "4", "8"]),
    ] {
        let own: Vec<&Table> = tables.iter().filter(|table| table.key == key).collect();
        if own.len() > 1 {
            let name = format!("{key}_lines.svg");
            lines(&folder.join(&name), title, names, &own)?;
            drawn.push(name);
        }
    }
    writeln!(text, "\n## Plots\n")?;
    for name in drawn {
        writeln!(text, "![{name}]({name})")?;
    }
    std::fs::write(folder.join("report.md"), text)?;
    std::fs::write(folder.join("report.json"), serde_json::to_vec_pretty(&(machine, tables))?)?;
    Ok(())
}

const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const LIMIT: RGBColor = RGBColor(0x8c, 0x8c, 0x8c);
const PEER: RGBColor = RGBColor(0xe0, 0x8a, 0x2c);

fn colour(who: Who) -> RGBColor {
    match who {
        Who::Ours => OURS,
        Who::Limit => LIMIT,
        Who::Peer => PEER,
    }
}

/// One bar for each way, on a scale of powers of ten.
fn bars(path: &Path, table: &Table) -> Result<()> {
    const LEFT: i32 = 300;
    const WIDTH: i32 = 420;
    const HIGH: i32 = 26;
    let figures: Vec<(&Figure, f64)> =
        table.figures.iter().filter_map(|figure| Some((figure, figure.seconds?))).collect();
    let Some(least) = figures.iter().map(|(_, seconds)| *seconds).min_by(f64::total_cmp) else { return Ok(()) };
    let most = figures.iter().map(|(_, seconds)| *seconds).fold(least, f64::max);
    let (low, high) = ((least / 2.0).log10(), most.log10().max(least.log10() + 0.3));
    let height = 60 + HIGH * figures.len() as i32;
    let area = SVGBackend::new(path, (900, height as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    area.draw(&Text::new(format!("{} (shorter is better, powers of ten)", table.title), (12, 12), ("sans-serif", 16)))?;
    for (at, (figure, seconds)) in figures.iter().enumerate() {
        let top = 44 + HIGH * at as i32;
        let length = ((seconds.log10() - low) / (high - low) * f64::from(WIDTH)).max(2.0) as i32;
        area.draw(&Text::new(figure.name.clone(), (12, top + 3), ("sans-serif", 13)))?;
        area.draw(&Rectangle::new([(LEFT, top), (LEFT + length, top + HIGH - 8)], colour(figure.who).filled()))?;
        let label = match figure.ratio {
            Some(ratio) => format!("{}  (x {ratio:.2})", time(*seconds)),
            None => time(*seconds),
        };
        area.draw(&Text::new(label, (LEFT + length + 8, top + 3), ("sans-serif", 13)))?;
    }
    area.present()?;
    Ok(())
}

/// A line for each way, over rows of one kind.
fn lines(path: &Path, title: &str, names: &[&str], tables: &[&Table]) -> Result<()> {
    let all = || tables.iter().flat_map(|table| table.figures.iter().filter_map(|figure| figure.seconds));
    let (Some(least), Some(most)) = (all().min_by(f64::total_cmp), all().max_by(f64::total_cmp)) else { return Ok(()) };
    let area = SVGBackend::new(path, (900, 480)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(16)
        .x_label_area_size(36)
        .y_label_area_size(80)
        .build_cartesian_2d(0..tables.len() as i32 - 1, (least / 2.0..most * 2.0).log_scale())?;
    chart
        .configure_mesh()
        .x_labels(tables.len())
        .x_label_formatter(&|at| names.get(*at as usize).copied().unwrap_or("").to_owned())
        .y_label_formatter(&|seconds| time(*seconds))
        .draw()?;
    let mut ways: Vec<(&str, Who)> = Vec::new();
    for figure in tables.iter().flat_map(|table| &table.figures) {
        if ways.iter().all(|(name, _)| *name != figure.name) {
            ways.push((&figure.name, figure.who));
        }
    }
    // What was done at one size alone makes no line.
    ways.retain(|(name, _)| {
        let has = |table: &&&Table| table.figures.iter().any(|figure| figure.name == *name && figure.seconds.is_some());
        tables.iter().filter(has).count() > 1
    });
    for (at, (name, who)) in ways.iter().enumerate() {
        let points = tables.iter().enumerate().filter_map(|(at, table)| {
            let figure = table.figures.iter().find(|figure| figure.name == *name)?;
            Some((at as i32, figure.seconds?))
        });
        let shade = colour(*who).mix(1.0 - 0.13 * (at % 5) as f64);
        chart
            .draw_series(LineSeries::new(points, shade.stroke_width(2)))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], shade.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    area.present()?;
    Ok(())
}
