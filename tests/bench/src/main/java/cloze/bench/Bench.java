package cloze.bench;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.bench.kernels.KernelBench;
import cloze.bench.peer.Torch;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.EnumSet;
import java.util.Locale;

/** {@code build-scripts/bench}: measures this library beside libtorch and writes what it found as Markdown. */
public final class Bench {
    private final BenchOptions options;
    private final Report report = new Report();

    private Bench(BenchOptions options) {
        this.options = options;
    }

    public static void main(String... arguments) throws IOException, InterruptedException {
        BenchOptions options;
        try {
            options = BenchOptions.parse(arguments);
        } catch (IllegalArgumentException e) {
            System.err.println("bench: " + e.getMessage());
            System.exit(2);
            return;
        }
        new Bench(options).run(String.join(" ", arguments));
        System.exit(0); // libtorch's threads would go on
    }

    private void run(String arguments) throws IOException, InterruptedException {
        var library = new BenchLibrary();
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT.withThreads(options.threads()))) {
            Machine machine = Machine.measure(library, options.threads());
            head(backend, machine, arguments);
            var withPeer = EnumSet.of(BenchOptions.Part.STEPS, BenchOptions.Part.OPS);
            withPeer.retainAll(options.parts());
            if (!withPeer.isEmpty()) {
                Torch.open(options.threads());
                report.line("- peer: official libtorch 2.7.1; " + Torch.description());
            }
            if (options.parts().contains(BenchOptions.Part.STEPS)) {
                new StepBench(backend, library, machine, options, report).run();
            }
            if (options.parts().contains(BenchOptions.Part.OPS)) {
                new OpBench(backend, library, machine, options, report).run();
            }
            if (options.parts().contains(BenchOptions.Part.LOADING)) {
                new LoadingBench(backend, options, report).run();
            }
        }
        if (options.parts().contains(BenchOptions.Part.MEMORY)) {
            new MemoryBench(options, report).run();
        }
        if (options.parts().contains(BenchOptions.Part.KERNELS)) {
            KernelBench.run(options, report);
        }
        if (options.out() != null) {
            report.write(options.out());
        }
    }

    private void head(Backend backend, Machine machine, String arguments) throws IOException {
        report.line("# Cloze beside libtorch");
        report.line("");
        report.line("- command: `build-scripts/bench " + arguments + "`");
        report.line("- date: " + LocalDate.now(ZoneId.systemDefault()));
        report.line(String.format(
                Locale.ROOT,
                "- machine: %s, load %s",
                InetAddress.getLocalHost().getHostName(),
                load()));
        report.line("- " + backend.description().replaceAll("\\s+", " "));
        report.line(String.format(
                Locale.ROOT,
                "- by %s: %s GFLOP/s of f32 multiply-adds, %s GB/s to and from memory",
                new Clock(options.threads()),
                Report.number("%.0f", machine.gflops()),
                Report.number("%.1f", machine.gigabytes())));
    }

    private static String load() {
        return Report.number(
                "%.1f", ManagementFactory.getOperatingSystemMXBean().getSystemLoadAverage());
    }
}
