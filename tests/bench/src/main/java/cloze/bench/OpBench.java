package cloze.bench;

import cloze.backend.Backend;
import cloze.bench.ours.ClozeOps;
import cloze.bench.peer.TorchOps;
import java.util.List;
import java.util.Locale;

/** Single ops, forward and backward: the same values first, then time. */
final class OpBench {
    /** The shapes that the training steps have, and of LSTM those of language models on characters and on words. */
    static final List<OpShape> SHAPES = List.of(
            new OpShape.Attention(8, 6, 256, 64, true),
            new OpShape.Attention(4, 12, 64, 64, true),
            new OpShape.Attention(4, 12, 256, 64, true),
            new OpShape.Attention(64, 3, 17, 64, false),
            new OpShape.Attention(64, 4, 65, 32, false),
            new OpShape.Softmax(12288, 256),
            new OpShape.LayerNorm(2048, 384),
            new OpShape.LayerNorm(1088, 192),
            new OpShape.Gelu(2048, 1536, true),
            new OpShape.Gelu(2048, 1536, false),
            new OpShape.CrossEntropy(256, 50257),
            new OpShape.AdamW(10_649_600),
            new OpShape.Linear(2048, 1152, 384),
            new OpShape.Linear(2048, 384, 384),
            new OpShape.Linear(2048, 1536, 384),
            new OpShape.Linear(2048, 384, 1536),
            new OpShape.Linear(256, 2304, 768),
            new OpShape.Linear(256, 3072, 768),
            new OpShape.Linear(256, 768, 3072),
            new OpShape.Linear(1088, 576, 192),
            new OpShape.Linear(1088, 768, 192),
            new OpShape.Lstm(20, 20, 200, 200),
            new OpShape.Lstm(32, 64, 256, 256),
            new OpShape.Lstm(20, 35, 1500, 1500));

    private static final int WARM_UP = 3;
    private static final int LEAST_ROUNDS = 5;
    private static final double SHARE_OF_SECONDS = 1 / 20.0;
    private static final double TOLERANCE = 1e-4;

    private final Backend backend;
    private final BenchLibrary library;
    private final Machine machine;
    private final BenchOptions options;
    private final Report report;

    OpBench(Backend backend, BenchLibrary library, Machine machine, BenchOptions options, Report report) {
        this.backend = backend;
        this.library = library;
        this.machine = machine;
        this.options = options;
        this.report = report;
    }

    void run() {
        report.heading("Ops, forward and backward");
        report.columns("op", "ours, us", "libtorch, us", "ratio", "of peak", "of bandwidth", "rounds");
        for (OpShape shape : SHAPES) {
            if (!shape.label().contains(options.only())) {
                continue;
            }
            try (OpSide ours = ClozeOps.of(backend, shape);
                    OpSide peer = TorchOps.of(library, shape)) {
                requireSameValues(shape, ours, peer);
                compare(shape, ours, peer);
            }
        }
    }

    private void compare(OpShape shape, OpSide ours, OpSide peer) {
        var clock = new Clock(options.threads());
        for (int i = 0; i < WARM_UP; i++) {
            round(clock, ours);
            round(clock, peer);
        }
        Rounds rounds = Rounds.alternate(
                options.seconds() * SHARE_OF_SECONDS, LEAST_ROUNDS, () -> round(clock, ours), () -> round(clock, peer));
        report.row(
                shape.label(),
                Report.number("%.0f", rounds.ours() / 1e3),
                Report.number("%.0f", rounds.peer() / 1e3),
                Report.ratio(rounds.ratio(), shape.goal()),
                shape.flops() == 0 ? "" : machine.peakShare(shape.flops(), rounds.ours()),
                shape.bytes() == 0 ? "" : machine.bandwidthShare(shape.bytes(), rounds.ours()),
                Integer.toString(rounds.count()));
    }

    private static double round(Clock clock, OpSide side) {
        side.prepare();
        double ns = clock.time(side::forward) + clock.time(side::backward);
        side.clear();
        return ns;
    }

    private static void requireSameValues(OpShape shape, OpSide ours, OpSide peer) {
        for (OpSide side : List.of(ours, peer)) {
            side.prepare();
            side.forward();
        }
        requireClose(shape, "value", ours.value(), peer.value());
        ours.backward();
        peer.backward();
        requireClose(shape, "gradient", ours.gradient(), peer.gradient());
        ours.clear();
        peer.clear();
    }

    private static void requireClose(OpShape shape, String what, float[] ours, float[] peer) {
        double largest = 0;
        double difference = ours.length == peer.length ? 0 : Double.NaN;
        for (int i = 0; i < Math.min(ours.length, peer.length); i++) {
            largest = Math.max(largest, Math.abs(peer[i]));
            difference = Math.max(difference, Math.abs((double) ours[i] - peer[i]));
        }
        if (!(difference <= TOLERANCE * largest)) {
            throw new IllegalStateException(String.format(
                    Locale.ROOT,
                    "%s: our %s and libtorch's differ by %g, where the largest is %g",
                    shape.label(),
                    what,
                    difference,
                    largest));
        }
    }
}
