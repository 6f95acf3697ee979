//! Trains a logistic regression on points that a line divides, and logs it.
//!
//! Run it with `cargo run --example train`, then look with
//! `sqlite3 wandb/latest-run.sqlite "SELECT key, count(*), min(value) FROM history GROUP BY key"`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example says what it does")]

use danlu::Run;

/// Points in the square from -1 to 1, from a small generator, with the side of a line that they lie on.
fn data(count: u32) -> Vec<([f64; 2], f64)> {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from((state >> 33) as u32) / f64::from(1u32 << 30) - 1.0
    };
    (0..count)
        .map(|_| {
            let point = [next(), next()];
            (point, f64::from(u8::from(point[0] + 2.0 * point[1] > 0.3)))
        })
        .collect()
}

fn main() -> danlu::Result<()> {
    let rate = 0.5;
    let run = Run::builder("line")
        .name("logistic")
        .config("rate", rate)
        .on_warning(|w| eprintln!("{w}"))
        .start()?;
    println!("writing {}", run.path().display());
    let points = data(500);
    let mut weights = [0.0; 3];
    for _ in 0..200 {
        let (mut loss, mut right) = (0.0, 0u32);
        let mut gradient = [0.0; 3];
        for ([x, y], side) in &points {
            let guess = 1.0 / (1.0 + (-(weights[0] * x + weights[1] * y + weights[2])).exp());
            loss -= side * guess.ln() + (1.0 - side) * (1.0 - guess).ln();
            right += u32::from((guess > 0.5) == (*side > 0.5));
            for (slope, input) in gradient.iter_mut().zip([x, y, &1.0]) {
                *slope += (guess - side) * input / points.len() as f64;
            }
        }
        for (weight, slope) in weights.iter_mut().zip(gradient) {
            *weight -= rate * slope;
        }
        run.log([("loss", loss / points.len() as f64), ("accuracy", f64::from(right) / points.len() as f64)]);
    }
    run.summary("weights", serde_json::Value::from(weights.to_vec()));
    run.finish(0)
}
