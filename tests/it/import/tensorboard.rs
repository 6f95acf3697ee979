//! Samples of three writers of event files, compared with what TensorBoard's `EventAccumulator` says.

use super::{Imported, Place, expected, import, number, sample, statuses};
use serde_json::{Value, json};

fn directory(sample_name: &str) -> std::path::PathBuf {
    sample(sample_name).join("logs")
}

/// Checks the scalars of a run, with their times.
fn check_scalar(run: &Imported, tag: &str, step: &Value, time: &Value, value: &Value) {
    let sql = format!("SELECT time, value FROM history WHERE key = '{tag}' AND step = {step}");
    let found = &run.rows(&sql)[0];
    assert!((found[0].as_f64().unwrap() - time.as_f64().unwrap()).abs() < 1e-6, "{tag} {step}");
    assert_eq!(found[1], *value, "{tag} {step}");
}

#[test]
fn scalars_images_sounds_and_texts_of_summary_writers() {
    for name in ["tensorboard-tensorboardX", "tensorboard-torch"] {
        let place = Place::new();
        let outcome = import(&place, &directory(name), &[]);
        for (directory, said) in expected(name)["runs"].as_object().unwrap() {
            let run = Imported::named(&outcome, directory, &place);
            assert_eq!(run.start()["project"], "logs");
            assert_eq!(run.start()["host"], "node7");
            let mut points = 0;
            for (tag, values) in said["scalars"].as_object().unwrap() {
                for value in values.as_array().unwrap() {
                    let float: f64 = value[2].as_str().unwrap().parse().unwrap();
                    let float = if float.is_nan() { json!("NaN") } else { number(float) };
                    check_scalar(&run, tag, &value[0], &value[1], &float);
                    points += 1;
                }
            }
            let sql = "SELECT count(*) FROM history WHERE typeof(value) <> 'text'";
            assert_eq!(run.rows(sql)[0][0], points, "{name} {directory}");
            let history = run.history();
            for (tag, images) in said["images"].as_object().unwrap() {
                let image = &history[&(tag.clone(), images[0][0].as_i64().unwrap())];
                assert_eq!((&image["width"], &image["height"]), (&number(6.0), &number(4.0)));
                let content = run.file(image["path"].as_str().unwrap());
                assert_eq!(content.len() as u64, images[0][3].as_u64().unwrap());
                assert!(content.starts_with(b"\x89PNG"));
            }
            for (tag, sounds) in said["audio"].as_object().unwrap() {
                let sound = &history[&(tag.clone(), sounds[0][0].as_i64().unwrap())];
                assert_eq!(sound["_type"], "audio-file");
                assert_eq!(
                    run.file(sound["path"].as_str().unwrap()).len() as u64,
                    sounds[0][1].as_u64().unwrap()
                );
            }
            for (tag, tensors) in said["tensors"].as_object().unwrap() {
                if tensors["plugin"] == "text" {
                    assert_eq!(history[&(tag.clone(), 4)], tensors["values"][0][2][0]);
                }
            }
        }
    }
}

#[test]
fn several_event_files_of_a_directory_are_one_run() {
    let place = Place::new();
    let outcome = import(&place, &directory("tensorboard-tensorboardX"), &[]);
    let run = Imported::named(&outcome, "lr0.1", &place);
    assert_eq!(run.history()[&("loss".to_owned(), 5)], 0.125);
    assert_eq!(run.rows("SELECT origin FROM attempt ORDER BY id"), [["new"], ["resume"]]);
    let nested = Imported::named(&outcome, "lr0.2/eval", &place);
    assert_eq!(nested.start()["group"], "lr0.2");
    assert_eq!(nested.settings("config")["_import"], json!({"tool": "tensorboard", "run": "lr0.2/eval"}));
}

#[test]
fn hyperparameters_are_the_config() {
    for name in ["tensorboard-tensorboardX", "tensorboard-torch"] {
        let place = Place::new();
        let outcome = import(&place, &directory(name), &[]);
        let config = Imported::named(&outcome, "tuned/session", &place).settings("config");
        // torch writes a number for True.
        let bias = if name == "tensorboard-torch" { json!(1.0) } else { json!(true) };
        assert_eq!(
            (&config["lr"], &config["optimizer"], &config["bias"]),
            (&json!(0.1), &json!("adam"), &bias)
        );
    }
}

#[test]
fn tensors_of_tensorflow() {
    let place = Place::new();
    let outcome = import(&place, &directory("tensorboard-tensorflow"), &[]);
    for (directory, said) in expected("tensorboard-tensorflow")["runs"].as_object().unwrap() {
        let run = Imported::named(&outcome, directory, &place);
        let history = run.history();
        for value in said["tensors"]["loss"]["values"].as_array().unwrap() {
            check_scalar(&run, "loss", &value[0], &value[1], &value[2]);
        }
        let image = &history[&("sample".to_owned(), 3)];
        let sizes = &said["tensors"]["sample"]["values"][0][2];
        assert_eq!(run.file(image["path"].as_str().unwrap()).len() as u64, sizes[2].as_u64().unwrap());
        let sound = &history[&("tone".to_owned(), 3)];
        let sizes = &said["tensors"]["tone"]["values"][0][2];
        assert_eq!(run.file(sound["path"].as_str().unwrap()).len() as u64, sizes[0].as_u64().unwrap());
        assert_eq!(history[&("note".to_owned(), 4)], said["tensors"]["note"]["values"][0][2][0]);
        let buckets = said["tensors"]["weights"]["values"][0][2].as_array().unwrap();
        let histogram = &history[&("weights".to_owned(), 4)];
        let column = |n: usize| buckets.iter().map(|bucket| bucket[n].clone()).collect::<Vec<_>>();
        assert_eq!(histogram["values"], Value::from(column(2)));
        assert_eq!(histogram["bins"].as_array().unwrap()[..buckets.len()], column(0));
        assert_eq!(run.settings("config")["optimizer"], "adam");
    }
}

#[test]
fn a_histogram_of_a_summary_writer_has_all_values_in_its_buckets() {
    let place = Place::new();
    let outcome = import(&place, &directory("tensorboard-tensorboardX"), &[]);
    let histogram = &Imported::named(&outcome, "lr0.1", &place).history()[&("weights".to_owned(), 4)];
    let sum: f64 = histogram["values"].as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).sum();
    assert!((sum - 4.0).abs() < 1e-9);
    let bins = histogram["bins"].as_array().unwrap();
    assert_eq!((&bins[0], bins.last().unwrap()), (&number(0.5), &number(2.5)));
}

#[test]
fn a_single_run_and_the_directory_above_it_are_the_same_run() {
    let place = Place::new();
    let all = directory("tensorboard-torch");
    import(&place, &all, &[]);
    let one = import(&place, &all.join("lr0.1"), &[]);
    assert_eq!(statuses(&one).into_values().collect::<Vec<_>>(), ["up_to_date"], "{one}");
}
