package cloze.cli;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.backend.Precision;
import java.util.Arrays;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Options of the device and its precision. */
public final class DeviceOptions {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec command = CommandSpec.create(); // picocli sets it

    @Option(
            names = "--device",
            paramLabel = "NAME",
            defaultValue = "cpu",
            description =
                    "Device that computes, cpu or cuda, or cuda:1 for the second GPU; there is no fall-back to another "
                            + "(default: ${DEFAULT-VALUE}).")
    private String device = "cpu";

    @Option(
            names = "--threads",
            paramLabel = "N",
            defaultValue = "0",
            description =
                    "Threads of the CPU, 0 for one per core (default: ${DEFAULT-VALUE}). Results do not depend on it.")
    private int threads;

    @Option(
            names = "--memory",
            paramLabel = "BYTES",
            converter = Sizes.Bytes.class,
            description = "Most memory for tensors, such as 8GiB (default: no limit).")
    private long memory = Long.MAX_VALUE;

    @Option(
            names = "--precision",
            paramLabel = "TYPE",
            defaultValue = "fp32",
            description =
                    "Type of matrices and activations: fp32 or, on cuda, bf16 or tf32, which is fp32 with TF32 inputs of"
                            + " matrix multiplications (default: ${DEFAULT-VALUE}). Weights and their gradients are always"
                            + " fp32.")
    private String precision = "fp32";

    /** Filled by picocli. */
    public DeviceOptions() {}

    public Backend open() {
        if (threads < 0) {
            throw wrong("--threads must be 0 (one per core) or more, but it is " + threads);
        }
        if (memory <= 0) {
            throw wrong("--memory must be more than 0 bytes");
        }
        Precision type = Arrays.stream(Precision.values())
                .filter(candidate -> candidate.toString().equals(precision))
                .findFirst()
                .orElseThrow(() -> wrong("--precision must be fp32, tf32 or bf16, but it is " + precision));
        return Backends.open(device, new BackendOptions(threads, memory, type));
    }

    public String name() {
        return device;
    }

    private ParameterException wrong(String message) {
        return new ParameterException(command.commandLine(), message);
    }
}
