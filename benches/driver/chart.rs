//! Draws the table of results as a chart (SVG). Each other program has a bar, as a multiple of
//! mailpull's own figure.

use std::fmt::Write as _;

/// The other programs by the names of their columns, and their colours.
const PROGRAMS: [(&str, &str); 4] = [
    ("mpop", "#0072b2"),
    ("fetchmail", "#d55e00"),
    ("getmail6", "#009e73"),
    ("fdm", "#cc79a7"),
];

/// The labels of the axis; only those in range are drawn.
const TICKS: [f64; 10] = [0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0];

const WIDTH: f64 = 900.0;
/// The left end of the bars. The titles of the rows are to the left of it.
const LEFT: f64 = 360.0;
/// Room for the figure at the end of the longest bar.
const RIGHT: f64 = 60.0;
const TOP: f64 = 50.0;
const BAR: f64 = 12.0;
const GAP: f64 = 12.0;

/// One row of the table: a title with mailpull's own figure, and a bar for each other program that
/// was measured.
struct ChartRow {
    title: String,
    own: String,
    bars: Vec<Bar>,
}

struct Bar {
    colour: &'static str,
    /// The program's figure as a multiple of mailpull's own.
    ratio: f64,
}

/// Draws the chart of a table from [`super::table::render`], which may be anywhere in `text`.
/// Rows without another program are left out.
pub(crate) fn draw(text: &str) -> String {
    let rows = read(text);
    let bars = || rows.iter().flat_map(|row| &row.bars);
    let low = bars().map(|bar| bar.ratio).fold(0.5, f64::min) * 0.8;
    let high = bars().map(|bar| bar.ratio).fold(10.0, f64::max);
    let scale = Scale { low, high };
    let mut body = String::new();
    let mut top = TOP;
    for row in &rows {
        top += draw_row(&mut body, row, top, scale) + GAP;
    }
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n",
        height = top + GAP,
    );
    draw_legend(&mut svg);
    draw_axis(&mut svg, top, scale);
    svg + &body + "</svg>\n"
}

/// Reads the table: its first line that begins with an empty title, and those that follow.
fn read(text: &str) -> Vec<ChartRow> {
    let mut lines = text
        .lines()
        .skip_while(|line| !line.starts_with("| | mailpull |"))
        .take_while(|line| line.starts_with('|'))
        .map(cells);
    let head = lines.next().unwrap_or_default();
    lines
        .skip(1)
        .map(|cells| read_row(&head, &cells))
        .filter(|row| !row.bars.is_empty())
        .collect()
}

fn cells(line: &str) -> Vec<&str> {
    let line = line.trim_start_matches('|').trim_end_matches('|');
    line.split('|').map(str::trim).collect()
}

fn read_row(head: &[&str], cells: &[&str]) -> ChartRow {
    let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
    let own = cell(1);
    // A figure without a unit is memory in kB, and so are those of the other programs.
    let (own, unit) = match own.parse() {
        Ok(kilobytes) => (format!("{own} kB"), kilobytes),
        Err(_) => (own.to_owned(), 1.0),
    };
    let bar = |(at, name): (usize, &&str)| {
        let (_, colour) = PROGRAMS.iter().find(|(known, _)| known == name)?;
        let ratio = number(cell(at))? / unit;
        Some(Bar { colour, ratio })
    };
    ChartRow {
        title: cell(0).replace('`', ""),
        own,
        bars: head.iter().enumerate().filter_map(bar).collect(),
    }
}

/// Reads the figure of a cell such as `67 (2001)¹`. Returns `None` if the program was not measured
/// or failed.
fn number(cell: &str) -> Option<f64> {
    let end = cell.find(|c: char| !c.is_ascii_digit() && c != '.');
    cell[..end.unwrap_or(cell.len())].parse().ok()
}

/// The logarithmic axis.
#[derive(Clone, Copy)]
struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    fn x(self, ratio: f64) -> f64 {
        let share = (ratio / self.low).ln() / (self.high / self.low).ln();
        LEFT + share * (WIDTH - RIGHT - LEFT)
    }
}

/// Draws a row and returns its height.
fn draw_row(svg: &mut String, row: &ChartRow, top: f64, scale: Scale) -> f64 {
    let height = BAR * row.bars.len().max(2) as f64;
    let middle = top + height / 2.0;
    let x = LEFT - 10.0;
    let (title, own) = (escape(&row.title), escape(&row.own));
    // The second line of a title has mailpull's own figure.
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"end\">{title}</text>\n\
         <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#666\">mailpull: {own}</text>",
        middle - 2.0,
        middle + 11.0,
    );
    for (n, bar) in row.bars.iter().enumerate() {
        let y = top + BAR * n as f64;
        let (one, end) = (scale.x(1.0), scale.x(bar.ratio));
        let (colour, label) = (bar.colour, label(bar.ratio));
        let _ = writeln!(
            svg,
            "<rect x=\"{:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"10\">{label}</text>",
            one.min(end),
            (end - one).abs(),
            BAR - 2.0,
            one.max(end) + 4.0,
            y + BAR - 3.5,
        );
    }
    height
}

fn draw_legend(svg: &mut String) {
    let mut x = LEFT;
    for (name, colour) in PROGRAMS {
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"8\" width=\"10\" height=\"10\" fill=\"{colour}\"/>\n\
             <text x=\"{:.1}\" y=\"17\">{name}</text>",
            x + 14.0,
        );
        x += 90.0;
    }
}

fn draw_axis(svg: &mut String, bottom: f64, scale: Scale) {
    let in_range = |tick: &&f64| (scale.low..=scale.high).contains(*tick);
    for tick in TICKS.iter().filter(in_range) {
        let x = scale.x(*tick);
        // mailpull itself is the line at 1.
        let colour = if *tick == 1.0 { "#000" } else { "#ddd" };
        let _ = writeln!(
            svg,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{bottom:.1}\" stroke=\"{colour}\"/>\n\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#666\">{tick} ×</text>",
            TOP - 6.0,
            TOP - 10.0,
        );
    }
}

/// Formats a ratio with as many digits as in the table.
fn label(ratio: f64) -> String {
    if ratio < 10.0 {
        format!("{ratio:.2}")
    } else {
        format!("{ratio:.0}")
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
