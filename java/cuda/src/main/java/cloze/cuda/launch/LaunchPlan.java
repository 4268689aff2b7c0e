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
 */
public record LaunchPlan(List<Stage> stages, @Nullable Function<KernelSizes, Long> scratch, boolean tf32) {
    LaunchPlan then(String suffix, Function<KernelSizes, Extent> extent) {
        var more = new ArrayList<>(stages);
        more.add(new Stage("_" + suffix, extent));
        return new LaunchPlan(List.copyOf(more), scratch, tf32);
    }

    /** The last stage once for each number below a size; the number is one more argument. */
    LaunchPlan each(String size) {
        var all = new ArrayList<>(stages);
        all.add(all.removeLast().each(size));
        return new LaunchPlan(List.copyOf(all), scratch, tf32);
    }

    LaunchPlan scratch(Function<KernelSizes, Long> bytes) {
        return new LaunchPlan(stages, bytes, tf32);
    }

    public LaunchPlan withTf32() {
        return new LaunchPlan(stages, scratch, true);
    }
}
