//! A server that does as little as one can: a thread for each connection, the same reply to every request.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
};

const ASKED: &str = "SEAWORTHY_BENCH_SERVER";

/// Serves for ever if this process was started to; to be asked before anything else.
pub(crate) fn serve_if_asked() {
    let Some(body_bytes) = std::env::var(ASKED).ok() else { return };
    let body = "x".repeat(body_bytes.parse().expect("a number of bytes"));
    let reply = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    println!("{}", listener.local_addr().expect("an address"));
    // Whoever started it holds its input: when that one is gone, so is this.
    thread::spawn(|| {
        std::io::stdin().read_to_end(&mut Vec::new()).ok();
        std::process::exit(0);
    });
    for connection in listener.incoming() {
        let (connection, reply) = (connection.expect("a connection"), reply.clone());
        thread::spawn(move || serve(connection, reply.as_bytes()));
    }
}

fn serve(mut connection: TcpStream, reply: &[u8]) {
    connection.set_nodelay(true).expect("an option of TCP");
    let mut buf = [0; 8192];
    let mut seen = 0;
    while let Ok(n @ 1..) = connection.read(&mut buf[seen..]) {
        seen += n;
        // One request at a time, without a body.
        if buf[..seen].ends_with(b"\r\n\r\n") {
            seen = 0;
            if connection.write_all(reply).is_err() {
                return;
            }
        }
    }
}

/// Such a server, in a process of its own until this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) addr: SocketAddr,
}

impl Server {
    pub(crate) fn start(body_bytes: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .env(ASKED, body_bytes.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program, once more");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let addr = line.trim().parse().expect("the server's address");
        Self { child, addr }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/path?query=1", self.addr)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
