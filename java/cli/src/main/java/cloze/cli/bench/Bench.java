package cloze.cli.bench;

import cloze.cli.Subcommand;
import picocli.CommandLine.Command;

/** {@code cloze bench}. */
@Command(
        name = "bench",
        description = "Measures the speed of a device and its share of the peak.",
        synopsisSubcommandLabel = "WHAT",
        subcommands = {BenchKernels.class, BenchSteps.class},
        footerHeading = "%nExample:%n",
        footer = "  cloze bench kernels --device cuda --precision bf16")
public final class Bench extends Subcommand {
    @Override
    public Integer call() {
        throw wrongUsage("bench needs what to measure: kernels or steps");
    }
}
