package cloze.cuda.attention;

import cloze.cuda.launch.Arguments;
import cloze.cuda.launch.LaunchPlan;
import cloze.tensor.DType;
import cloze.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A kernel of attention in bf16 for one width of heads, and the calls that it takes.
 *
 * @param source of {@code cuda/src}, without its suffix
 * @param symbol the beginning of its functions' names
 * @param capability of the only GPUs that can run it, for example 90, or 0 for all
 * @param width of a head, in columns
 * @param tensors that must be given, in bf16, at addresses that are multiples of 16
 * @param optional the same for a tensor that may be missing
 * @param mapped tensors that it reads by a tensor map; they must not be empty
 */
record AttentionKernel(
        String source,
        String symbol,
        int capability,
        long width,
        List<String> tensors,
        List<String> optional,
        List<String> mapped,
        LaunchPlan plan) {

    boolean takes(Arguments arguments) {
        if (width != arguments.size("width")) {
            return false;
        }
        for (String name : tensors) {
            if (!fits(arguments.optional(name))) {
                return false;
            }
        }
        for (String name : optional) {
            Tensor tensor = arguments.optional(name);
            if (tensor != null && !fits(tensor)) {
                return false;
            }
        }
        for (String name : mapped) {
            if (arguments.tensor(name).bytes() == 0) {
                return false;
            }
        }
        return true;
    }

    private static boolean fits(@Nullable Tensor tensor) {
        return tensor != null && tensor.dtype() == DType.BF16 && Arguments.address(tensor) % TensorMaps.ALIGNMENT == 0;
    }
}
