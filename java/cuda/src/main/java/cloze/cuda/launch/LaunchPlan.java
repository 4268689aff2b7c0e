package cloze.cuda.launch;

import cloze.cuda.driver.Extent;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The launches of one kernel, in order.
 *
 * @param scratch bytes that the launches share, given to the kernel as one more pointer, or null for none
 * @param tf32 whether the kernel has a variant in tf32
 * @param indices whether the kernel reads indices and notes wrong ones
 */
public record LaunchPlan(
        List<Stage> stages, @Nullable Function<KernelSizes, Long> scratch, boolean tf32, boolean indices) {
    public static LaunchPlan of(Stage... stages) {
        return new LaunchPlan(List.of(stages), null, false, false);
    }

    /** The launch of a function that has the kernel's name without a suffix. */
    public static LaunchPlan first(Function<KernelSizes, Extent> extent) {
        return of(new Stage("", extent));
    }

    /** @param suffix of the function's name, after an underscore */
    public LaunchPlan then(String suffix, Function<KernelSizes, Extent> extent) {
        var more = new ArrayList<>(stages);
        more.add(new Stage("_" + suffix, extent));
        return new LaunchPlan(List.copyOf(more), scratch, tf32, indices);
    }

    /** The last stage once for each number below a size; the number is one more argument. */
    LaunchPlan each(String size) {
        var all = new ArrayList<>(stages);
        all.add(all.removeLast().each(size));
        return new LaunchPlan(List.copyOf(all), scratch, tf32, indices);
    }

    public LaunchPlan scratch(Function<KernelSizes, Long> bytes) {
        return new LaunchPlan(stages, bytes, tf32, indices);
    }

    /** A plan of a kernel that has a variant in tf32. */
    public LaunchPlan withTf32() {
        return new LaunchPlan(stages, scratch, true, indices);
    }

    /** A plan of a kernel that notes wrong indices: its last parameter is the address of the note. */
    public LaunchPlan withIndices() {
        return new LaunchPlan(stages, scratch, tf32, true);
    }
}
