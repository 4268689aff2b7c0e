package cloze.cli.bench;

import cloze.backend.Backend;
import cloze.cli.Sizes;
import cloze.cli.Subcommand;
import cloze.measure.Ceilings;
import cloze.measure.Line;
import cloze.measure.StepBench;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** Prints measurements as a table in Markdown while they come, or as JSON at the end. */
final class BenchReport {
    private final BenchOptions options;
    private final PrintWriter out;
    private final Peers peers;
    private final Map<String, Object> facts = new LinkedHashMap<>();
    private final List<Map<String, Object>> lines = new ArrayList<>();
    private boolean failed;

    BenchReport(BenchOptions options, PrintWriter out, Backend backend, Ceilings ceilings) throws IOException {
        this.options = options;
        this.out = out;
        Path beside = options.beside();
        peers = beside == null ? Peers.NONE : Peers.read(beside);
        facts.put("device", backend.description());
        facts.put("precision", backend.precision().toString());
        facts.put("shapes", options.shapes().toString());
        facts.put("ceilings", ceilings);
        facts.put("beside", peers.by());
        facts.put("lines", lines);
        say(backend.description());
        say(String.format(
                Locale.ROOT,
                "ceilings: %s copied, %s of multiply-adds in f32, %s of matrix multiplication %d x %d x %d in %s; a call returns after %.2f us",
                rate(ceilings.bytes(), "B/s"),
                rate(ceilings.multiplyAdds(), "FLOP/s"),
                rate(ceilings.matMul(), "FLOP/s"),
                ceilings.side(),
                ceilings.side(),
                ceilings.side(),
                backend.precision(),
                1e6 * ceilings.call()));
        if (!peers.by().isEmpty()) {
            say("beside: " + peers.by() + "; a ratio above 1 means that Cloze is faster");
        }
        say("");
    }

    static Map<String, String> named(String name, String shape) {
        var named = new LinkedHashMap<String, String>();
        named.put("name", name);
        named.put("shape", shape);
        return named;
    }

    void kernelColumns() {
        columns("op", "shape", "pass", "time", "rate", "of ceiling");
    }

    void stepColumns() {
        columns("model", "sizes", "time", "speed", "rate", "of ceiling", "memory", "loss");
    }

    private void columns(String... names) {
        String beside = peers.by().isEmpty() ? "" : " beside | ratio |";
        say(String.format(Locale.ROOT, "| %s |%s", String.join(" | ", names), beside));
        say("|---|" + "---:|".repeat(names.length - 1 + (beside.isEmpty() ? 0 : 2)));
    }

    void kernel(Line line) {
        json(line);
        row(line, line.name(), line.shape(), line.pass(), time(line.seconds()), rate(line), percent(line.share()));
    }

    void step(StepBench.Result result) {
        Line line = result.line();
        Map<String, Object> json = json(line);
        if (line.failure() == null) {
            json.put("units_per_second", result.unitsPerSecond());
            json.put("unit", result.unit());
            json.put("memory_bytes", result.bytes());
            json.put("losses", result.losses());
        }
        row(
                line,
                line.name(),
                line.shape(),
                time(line.seconds()),
                String.format(Locale.ROOT, "%s %s/s", Sizes.count(result.unitsPerSecond()), result.unit()),
                rate(line),
                percent(line.share()),
                Sizes.bytes((double) result.bytes()),
                result.losses().isEmpty() ? "" : number("%.4f", result.losses().getLast()));
    }

    private Map<String, Object> json(Line line) {
        var json = new LinkedHashMap<String, Object>();
        json.put("name", line.name());
        json.put("pass", line.pass());
        json.put("shape", line.shape());
        json.put("dtype", line.dtype());
        String failure = line.failure();
        if (failure != null) {
            json.put("failure", failure);
        } else {
            json.put("seconds", line.seconds());
            json.put("flops", line.cost().flops());
            json.put("bytes", line.cost().bytes());
            json.put("share", line.share());
            json.put("beside", peers.of(line));
        }
        lines.add(json);
        return json;
    }

    private void row(Line line, String... cells) {
        String failure = line.failure();
        if (failure != null) {
            failed = true;
            say(String.format(
                    Locale.ROOT, "| %s | %s | fails: %s |", line.name(), line.shape(), failure.replace("\n", "; ")));
            return;
        }
        List<Peers.Peer> beside = peers.of(line);
        String text = "| " + String.join(" | ", cells) + " |";
        if (beside.isEmpty()) {
            say(text + (peers.by().isEmpty() ? "" : " | |"));
        }
        for (Peers.Peer peer : beside) {
            say(String.format(
                    Locale.ROOT,
                    "%s %s %s | %s |",
                    text,
                    time(peer.seconds()),
                    peer.by(),
                    number("%.2f", peer.seconds() / line.seconds())));
            text = "|" + " |".repeat(cells.length);
        }
    }

    /** Writes the file that was asked for. */
    void save() throws IOException {
        Path file = options.out();
        if (file != null) {
            JsonMapper mapper = JsonMapper.builder()
                    .enable(SerializationFeature.INDENT_OUTPUT)
                    .build();
            Files.write(file, mapper.writeValueAsBytes(facts));
        }
    }

    /**
     * Writes the file and the JSON that were asked for.
     *
     * @return the exit code, 1 if a measurement failed
     */
    int end(Subcommand command) throws IOException {
        for (String left : peers.left()) {
            say("beside, and not measured here: " + left);
        }
        save();
        if (options.json()) {
            command.printJson(facts);
        }
        out.flush();
        return failed ? 1 : 0;
    }

    private void say(String text) {
        if (!options.json()) {
            out.println(text);
            out.flush();
        }
    }

    private static String rate(Line line) {
        boolean arithmetic = line.cost().flops() > 0;
        double amount = arithmetic ? line.cost().flops() : line.cost().bytes();
        return rate(amount / line.seconds(), arithmetic ? "FLOP/s" : "B/s");
    }

    private static String rate(double perSecond, String unit) {
        return perSecond >= 1e12 ? number("%.2f T", perSecond / 1e12) + unit : number("%.1f G", perSecond / 1e9) + unit;
    }

    private static String time(double seconds) {
        return seconds >= 0.1 ? number("%.1f ms", 1e3 * seconds) : number("%.1f us", 1e6 * seconds);
    }

    private static String percent(double share) {
        return share == 0 ? "" : number("%.0f %%", 100 * share);
    }

    private static String number(String format, double value) {
        return String.format(Locale.ROOT, format, value);
    }
}
