use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, Command, Stdio},
};

/// Says where it listens, then serves until its standard input ends: with the test, however that ends.
const PLAIN: &str = r#"
import os, sys, threading
from werkzeug.serving import make_server, WSGIRequestHandler
from httpbin import app
WSGIRequestHandler.protocol_version = "HTTP/1.1"
server = make_server("127.0.0.1", 0, app, threaded=True)
print(server.server_port, flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
"#;

/// The same application behind TLS and HTTP/2.
const HTTP2: &str = r#"
import asyncio, os, socket, sys, threading
from asgiref.wsgi import WsgiToAsgi
from hypercorn.asyncio import serve
from hypercorn.config import Config
from httpbin import app
listening = socket.socket()
listening.bind(("127.0.0.1", 0))
listening.listen(100)
config = Config()
config.bind = ["fd://%d" % listening.fileno()]
config.certfile, config.keyfile = sys.argv[1], sys.argv[2]
config.loglevel = "ERROR"
print(listening.getsockname()[1], flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
asyncio.run(serve(WsgiToAsgi(app), config, mode="asgi"))
"#;

/// A proxy that wants a name and a password.
const PROXY: &str = r#"
import os, sys
import proxy
flags = ["--hostname", "127.0.0.1", "--port", "0", "--num-workers", "1", "--num-acceptors", "1",
         "--basic-auth", "captain:ahoy", "--log-level", "CRITICAL"]
with proxy.Proxy(flags) as running:
    print(running.flags.port, flush=True)
    sys.stdin.read()
    os._exit(0)
"#;

/// A server of somebody else's, in a process of its own. It ends when this is dropped.
pub(super) struct Peer {
    child: Child,
    pub(super) port: u16,
}

impl Peer {
    /// httpbin over HTTP/1.1.
    pub(super) fn httpbin() -> Option<Self> {
        Self::start(&["httpbin", "werkzeug"], PLAIN, &[])
    }

    /// httpbin over TLS, by HTTP/2 for those who want it.
    pub(super) fn httpbin_over_tls(certificate: &str, key: &str) -> Option<Self> {
        Self::start(&["httpbin", "hypercorn", "asgiref"], HTTP2, &[certificate, key])
    }

    /// A proxy for `captain` with the password `ahoy`.
    pub(super) fn proxy() -> Option<Self> {
        Self::start(&["proxy"], PROXY, &[])
    }

    /// `None`, with a notice, if Python has not got what it needs and nobody insists.
    fn start(modules: &[&str], program: &str, args: &[&str]) -> Option<Self> {
        let python = env::var("SEAWORTHY_PYTHON").unwrap_or_else(|_| "python3".to_owned());
        let import = format!("import {}", modules.join(", "));
        let mut looking = Command::new(&python);
        looking.args(["-c", &import]).stderr(Stdio::null()).stdout(Stdio::null());
        let has_it = looking.status().is_ok_and(|status| status.success());
        if !has_it {
            let missing =
                format!("`{python}` cannot `{import}`: pip install httpbin hypercorn asgiref proxy.py");
            let is_required = env::var_os("SEAWORTHY_REQUIRE_SERVICES").is_some_and(|value| value == "1");
            assert!(!is_required, "{missing}");
            notice(&missing);
            return None;
        }
        let mut child = Command::new(&python)
            .args(["-c", program])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Python starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let port = lines.next().and_then(Result::ok).and_then(|line| line.trim().parse().ok());
        let Some(port) = port else {
            child.kill().ok();
            panic!("the peer ended before it listened: run it by hand: {python} -c '{program}'");
        };
        Some(Self { child, port })
    }
}

fn notice(what: &str) {
    // Past the capture of the test harness: a skipped test that says nothing looks like one that passed.
    writeln!(std::io::stderr(), "skipped: {what}").ok();
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
