//! Golden vectors: what is read and written again reads the same.
#![no_main]

use fuzz::{lines, says_where};
use libfuzzer_sys::fuzz_target;
use workloads::golden::{GoldenError, GoldenFile, Header, Step, to_text};

fuzz_target!(|data: &[u8]| {
    match open(data) {
        Ok((header, steps)) => again(&header, &steps),
        Err(GoldenError::Empty { .. }) => {}
        Err(error) => says_where(&error.to_string(), data),
    }
});

fn open(data: &[u8]) -> Result<(Header, Vec<Step>), GoldenError> {
    let file = GoldenFile::from_lines(lines(data))?;
    let header = file.header().clone();
    Ok((header, file.collect::<Result<_, _>>()?))
}

fn again(header: &Header, steps: &[Step]) {
    let text = to_text(header, steps);
    let (new_header, new_steps) = open(text.as_bytes()).unwrap_or_else(|error| panic!("{error} in\n{text}"));
    assert_eq!(*header, new_header);
    // Blank lines are passed over.
    let steps: Vec<Step> = steps.iter().zip(2..).map(|(step, line)| Step { line, ..step.clone() }).collect();
    assert_eq!(steps, new_steps, "{text}");
    assert_eq!(text, to_text(&new_header, &new_steps));
}
