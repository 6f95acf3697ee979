//! What is recorded of the machine by itself: samples of how busy it is, what it is, and what the program prints.
//!
//! Nothing here knows of runs: samples and lines go to whoever asked for them. What cannot be read, such as a graphics card
//! whose driver is not there, is left out without a word.

mod amd;
mod cgroup;
mod console;
mod machine;
mod nvidia;
mod probe;
mod proc;
mod sampler;
mod terminal;

pub use console::{CONSOLE_BYTES, Console, Stream};
pub use machine::machine;
pub use probe::{Probe, Settings};
pub use sampler::Sampler;
pub use terminal::Terminal;
