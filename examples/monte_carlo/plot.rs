//! Points as a picture of letters.

use std::fmt::Write;

const HEIGHT: usize = 15;

/// A bar for each point, from 0 to 1, with a scale on the left and every fifth percentage below.
pub fn text(points: &[(u64, f64)]) -> String {
    let mut picture = String::new();
    for row in (1..=HEIGHT).rev() {
        let scale = if row % 5 == 0 { format!("{:.2}", row as f64 / HEIGHT as f64) } else { String::new() };
        let _ = write!(picture, "{scale:>4} |");
        for (_, share) in points {
            // Of what is within this row, in eighths.
            let within = (share * HEIGHT as f64 - (row - 1) as f64).clamp(0.0, 1.0);
            let block = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][(within * 8.0).round() as usize];
            let _ = write!(picture, " {block}{block}");
        }
        let line = picture.trim_end().len();
        picture.truncate(line);
        picture.push('\n');
    }
    let _ = writeln!(picture, "     +{}", "---".repeat(points.len()));
    picture.push_str("      ");
    for (percent, _) in points {
        let mark = if percent.is_multiple_of(5) { percent.to_string() } else { String::new() };
        let _ = write!(picture, "{mark:>3}");
    }
    let line = picture.trim_end().len();
    picture.truncate(line);
    picture.push_str("  % open\n");
    picture
}

/// Where the points cross `level`, between two of them; as a share.
pub fn crossing(points: &[(u64, f64)], level: f64) -> Option<f64> {
    points.windows(2).find_map(|pair| {
        let [(left, below), (_, above)] = pair else { return None };
        let crosses = *below < level && level <= *above;
        crosses.then(|| (*left as f64 + (level - below) / (above - below)) / 100.0)
    })
}
