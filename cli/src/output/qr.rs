//! QR codes on a terminal: two modules in the height of a line, black on white whatever the terminal's own colours.

use qrcode::types::QrError;
use qrcode::{Color, EcLevel, QrCode};

use super::stdout_is_terminal;
use crate::fault::Fault;

/// Modules of white around a code (ISO/IEC 18004).
const QUIET: usize = 4;
/// Most bytes of a QR code: version 40, the lowest error correction.
const MOST: usize = 2_953;

/// A QR code with this text, if it fits the terminal.
pub(crate) fn code(text: &[u8]) -> Result<String, Fault> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).map_err(|error| match error {
        QrError::DataTooLong => Fault::usage(format!(
            "{} bytes are too many for a QR code, which takes {MOST} at most",
            text.len()
        ))
        .hint("carry the file (--out); --format legacy or --format bundle makes it smaller"),
        other => Fault::internal(format!("no QR code: {other}")),
    })?;
    let lines = lines(&code);
    if stdout_is_terminal() {
        let size = terminal_size::terminal_size().map(|(width, height)| (width.0, height.0));
        fits(text.len(), &lines, size)?;
    }
    let painted: Vec<_> = lines.iter().map(|line| format!("\u{1b}[30;107m{line}\u{1b}[0m")).collect();
    Ok(painted.join("\n"))
}

/// What is cut off by the edge of a terminal cannot be read.
fn fits(bytes: usize, lines: &[String], size: Option<(u16, u16)>) -> Result<(), Fault> {
    let columns = lines.first().map_or(0, |line| line.chars().count());
    match size {
        Some((width, height)) if columns > width.into() || lines.len() >= height.into() => {
            Err(Fault::usage(format!(
                "the QR code of {bytes} bytes takes {columns} columns and {} lines, and this terminal has {width} and \
                 {height}",
                lines.len().saturating_add(1)
            ))
            .hint("make the terminal larger or its letters smaller, or carry the file (--out)"))
        }
        _ => Ok(()),
    }
}

/// The lines of a code, with the white around it.
fn lines(code: &QrCode) -> Vec<String> {
    let width = code.width();
    let whole = width.saturating_add(QUIET).saturating_add(QUIET);
    let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < width);
    let dark = |x: usize, y: usize| match (inside(x), inside(y)) {
        (Some(x), Some(y)) => code[(x, y)] == Color::Dark,
        _ => false,
    };
    let line = |y: usize| {
        (0..whole)
            .map(|x| match (dark(x, y), dark(x, y.saturating_add(1))) {
                (true, true) => '\u{2588}',
                (true, false) => '\u{2580}',
                (false, true) => '\u{2584}',
                (false, false) => ' ',
            })
            .collect()
    };
    (0..whole).step_by(2).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_its_white_edge_and_its_three_marks() {
        let code = QrCode::with_error_correction_level(b"x", EcLevel::L).unwrap();
        let lines = lines(&code);
        // Version 1 has 21 modules.
        assert_eq!(lines.len(), 15);
        assert!(lines.iter().all(|line| line.chars().count() == 29));
        assert!(lines[..2].iter().chain(&lines[13..]).all(|line| line.trim().is_empty()));
        assert!(lines[2].starts_with("    \u{2588}\u{2580}\u{2580}\u{2580}\u{2580}\u{2580}\u{2588} "));
    }

    #[test]
    fn what_does_not_fit_is_an_error_with_its_size() {
        let lines = vec![" ".repeat(29); 15];
        assert!(fits(1, &lines, Some((29, 16))).is_ok() && fits(1, &lines, None).is_ok());
        for size in [(28, 16), (29, 15)] {
            let error = fits(1, &lines, Some(size)).unwrap_err();
            assert!(error.message().contains("29 columns and 16 lines"), "{}", error.message());
        }
        let error = code(&[b'x'; MOST + 1]).unwrap_err();
        assert!(error.message().contains("2954 bytes"), "{}", error.message());
        assert!(code(&[b'x'; MOST]).is_ok());
    }
}
