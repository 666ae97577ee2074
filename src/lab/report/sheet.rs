//! The contact sheet: pictures with what the model says and what the label says. Only when asked for: a photograph is
//! personal data, a composite is not.

use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use demograph_core::event::content_type;
use demograph_model::decode::Limits;

use super::text::Text;
use crate::{
    dataset::{Labelled, spread},
    evaluate::{Answer, Names, winner},
    measure::{Measured, Opened},
};

/// Pictures on a sheet.
const PICTURES_MAX: usize = 240;

/// The section, with the pictures in it.
pub fn draw(opened: &Opened, measured: &Measured) -> anyhow::Result<String> {
    let mut pictures = opened.pictures.again()?;
    let answered: Vec<(&Labelled, &Answer)> = opened
        .rows
        .iter()
        .zip(&measured.outcomes)
        .filter_map(|(row, outcome)| Some((row, outcome.as_ref().ok()?)))
        .collect();
    let mut figures = String::new();
    for (row, answer) in spread(answered, PICTURES_MAX) {
        let bytes = pictures
            .read(&row.file, Limits::default().payload_bytes_max)?
            .with_context(|| format!("{} is gone", row.file))?;
        figures += &figure(&row.file, &bytes, &lines(row, answer, &opened.names));
    }
    Ok(format!(
        "<section>\n<h2>Contact sheet</h2>\n<p class=\"faint\">What the model says; in red where the label says \
         something else.</p>\n<div class=\"sheet\">\n{figures}</div>\n</section>\n"
    ))
}

fn figure(file: &str, bytes: &[u8], lines: &[Line]) -> String {
    let spoken: Vec<String> = lines.iter().map(|line| line.text.clone()).collect();
    let shown: String = lines
        .iter()
        .map(|line| {
            let class = if line.is_wrong { "wrong" } else { "right" };
            format!("<div class=\"{class}\">{}</div>", Text(&line.text))
        })
        .collect();
    format!(
        "<figure><img alt=\"{}\" src=\"data:{};base64,{}\">{shown}</figure>\n",
        Text(&spoken.join("; ")),
        // Browsers go by the bytes, as we do; the type only has to be one of an image.
        content_type(file).unwrap_or("image/jpeg"),
        BASE64_STANDARD.encode(bytes)
    )
}

struct Line {
    text: String,
    is_wrong: bool,
}

fn lines(row: &Labelled, answer: &Answer, names: &Names) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Some(age) = &answer.age {
        let band = row.truth.age_band;
        let is_wrong = band.is_some_and(|band| band != winner(&age.bands.calibrated));
        let known = match (row.truth.age, band) {
            (Some(age), _) => format!(", label {age:.0}"),
            (None, Some(band)) if is_wrong => format!(", label {}", names.age_bands[band]),
            (None, _) => String::new(),
        };
        lines.push(Line {
            text: format!("{:.0} years{known}", age.mean),
            is_wrong,
        });
    }
    for (scores, truth, labels) in [
        (&answer.gender, row.truth.gender, &names.gender),
        (&answer.ethnicity, row.truth.ethnicity, &names.ethnicity),
    ] {
        let Some(scores) = scores else { continue };
        let said = winner(&scores.calibrated);
        let is_wrong = truth.is_some_and(|truth| truth != said);
        let label = truth.filter(|_| is_wrong).map(|truth| &labels[truth]);
        lines.push(Line {
            text: match label {
                Some(label) => format!("{}, label {label}", labels[said]),
                None => format!("{} {:.0} %", labels[said], scores.calibrated[said] * 100.0),
            },
            is_wrong,
        });
    }
    lines
}
