//! Retries: pauses that grow, a deadline, a budget, and a judge of what is worth another attempt.
//!
//! `cargo run --example retry`

use std::{fmt, time::Duration};

use seaworthy::{
    resilience::{
        Attempt, Backoff, Budget, Retry, budget,
        retry::{Config, Verdict},
    },
    rt::Rt,
    time::Deadline,
};

#[derive(Debug)]
enum WeatherError {
    Busy { retry_after: Duration },
    NoSuchCity,
}

impl std::error::Error for WeatherError {}

impl fmt::Display for WeatherError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy { retry_after } => write!(f, "busy, come back in {retry_after:?}"),
            Self::NoSuchCity => f.write_str("no such city"),
        }
    }
}

/// A server that is busy at first, longer for big cities.
async fn ask(rt: &Rt, city: &str, attempt: &Attempt) -> Result<f32, WeatherError> {
    rt.sleep(Duration::from_millis(5)).await;
    match city {
        "Lima" if attempt.number() < 4 => Err(WeatherError::Busy { retry_after: Duration::from_millis(20) }),
        "Delhi" => Err(WeatherError::Busy { retry_after: Duration::from_secs(5) }),
        "Atlantis" => Err(WeatherError::NoSuchCity),
        _ => Ok(17.5),
    }
}

fn main() -> anyhow::Result<()> {
    seaworthy::tokio::run(async |rt| report(&rt).await)
}

async fn report(rt: &Rt) -> anyhow::Result<()> {
    let backoff =
        Backoff { initial: Duration::from_millis(10), max: Duration::from_millis(200), ..Backoff::default() };
    // One budget for the server, whoever calls it.
    let budget = Budget::new(rt, budget::Config { ratio: 0.2, ..budget::Config::default() })?;
    let retry = Retry::new(rt, Config { attempts_max: 5, backoff, ..Config::default() })?
        .budget(budget)
        .classify(|answer: &Result<f32, WeatherError>| match answer {
            Ok(_) => Verdict::Done,
            Err(WeatherError::Busy { retry_after }) => Verdict::RetryAfter(*retry_after),
            Err(WeatherError::NoSuchCity) => Verdict::Fail,
        });

    for city in ["Oslo", "Lima", "Atlantis", "Delhi"] {
        let request = Attempt::within(Deadline::after(rt, city, Duration::from_secs(1)));
        let answer = retry.run_in(&request, |attempt| async move { ask(rt, city, &attempt).await });
        match answer.await {
            Ok(degrees) => println!("{city:10} {degrees} °C"),
            // Delhi fails at once: five seconds do not fit into one.
            Err(error) => {
                let last = error.last.as_ref().map(ToString::to_string).unwrap_or_default();
                println!("{city:10} {error} ({last})");
            }
        }
    }
    println!("{:?}", retry.stats());
    Ok(())
}
