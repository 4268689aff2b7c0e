package cloze.cli.bench;

import cloze.cli.DeviceOptions;
import cloze.measure.Shapes;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Options of all benchmarks. */
final class BenchOptions {
    @Mixin
    private DeviceOptions device = new DeviceOptions();

    @Option(
            names = "--only",
            paramLabel = "TEXT",
            defaultValue = "",
            description = "Measure only names or shapes that contain this.")
    private String only = "";

    @Option(
            names = "--shapes",
            paramLabel = "SIZE",
            description = "gpu, cpu or toy, a quick check (default: that of the device).")
    private @Nullable Shapes shapes;

    @Option(names = "--list", description = "Measure nothing; print names and shapes as JSON.")
    private boolean list;

    @Option(
            names = "--beside",
            paramLabel = "FILE",
            description = "Times of another program to compare with, in JSON as --out writes it.")
    private @Nullable Path beside;

    @Option(names = "--out", paramLabel = "FILE", description = "Write the results as JSON too.")
    private @Nullable Path out;

    @Option(names = "--json", description = "Print JSON.")
    private boolean json;

    DeviceOptions device() {
        return device;
    }

    Shapes shapes() {
        return shapes != null ? shapes : device.name().equals("cuda") ? Shapes.GPU : Shapes.CPU;
    }

    boolean wants(String what) {
        return what.contains(only);
    }

    boolean list() {
        return list;
    }

    @Nullable
    Path beside() {
        return beside;
    }

    @Nullable
    Path out() {
        return out;
    }

    boolean json() {
        return json;
    }
}
