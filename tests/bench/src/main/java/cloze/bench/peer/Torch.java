package cloze.bench.peer;

import static org.bytedeco.pytorch.global.torch.set_num_threads;
import static org.bytedeco.pytorch.global.torch.show_config;

import java.util.stream.Collectors;
import org.bytedeco.javacpp.BytePointer;

/** The libtorch of this process. */
public final class Torch {
    private Torch() {}

    /** Loads it. */
    public static void open(int threads) {
        set_num_threads(threads);
    }

    /** Its libraries and instruction set, in one line. */
    public static String description() {
        try (BytePointer text = show_config()) {
            return text.getString()
                    .lines()
                    .filter(line -> line.matches(".*(Math Kernel|MKL-DNN|CPU capability|OpenMP).*"))
                    .filter(line -> !line.contains("Build settings"))
                    .map(line -> line.replaceFirst("^[ -]*", ""))
                    .collect(Collectors.joining("; "));
        }
    }
}
