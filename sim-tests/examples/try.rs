use seaworthy_sim::{
    engine::{self, Engine, Options},
    scenarios,
};
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let n: u64 = args[1].parse().unwrap();
    for engine in Engine::ALL {
        for s in scenarios::ALL {
            if args.get(2).is_some_and(|name| name != s.name()) {
                continue;
            }
            let t = std::time::Instant::now();
            let (mut points, mut effects) =
                (std::collections::BTreeMap::new(), std::collections::BTreeMap::new());
            let mut bad = 0;
            let mut events = 0;
            for seed in 0..n {
                let o = engine::run(*s, &Options::new(*engine, seed)).outcome;
                events += o.events;
                for (p, c) in o.points {
                    *points.entry(p).or_insert(0) += c;
                }
                for (p, c) in o.effects {
                    *effects.entry(p).or_insert(0) += c;
                }
                if !o.verdict.is_pass() {
                    bad += 1;
                    if bad < 4 {
                        println!("{engine} {} {seed}: {}\n{:?}", s.name(), o.verdict, o.options);
                        for f in &o.schedule.faults {
                            println!("   {f}");
                        }
                    }
                }
            }
            println!(
                "{engine} {}: {n} seeds, {bad} bad, {events} events, {:?}/seed",
                s.name(),
                t.elapsed() / n as u32
            );
            println!("{points:?}\n{effects:?}");
        }
    }
}
