package cloze.cuda;

import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What was launched since the device last said that all is well. A kernel that fails is told by a later call, which then
 * can say who may have been it. Locked by whoever launches.
 */
final class LaunchLog {
    private static final int KEPT = 256; // a power of two
    private static final int SHOWN = 4;

    private final @Nullable Launcher[] launchers = new Launcher[KEPT];
    private final @Nullable Tensor[][] tensors = new Tensor[KEPT][];
    private final long[][] slots = new long[KEPT][];
    private long count;

    void add(Launcher launcher, @Nullable Tensor[] of, long[] with) {
        int place = (int) count++ & (KEPT - 1);
        launchers[place] = launcher;
        tensors[place] = of;
        slots[place] = with;
    }

    /** All that was launched has run. */
    void clear() {
        count = 0;
    }

    /** A clause, empty if nothing was launched. */
    String report() {
        if (count == 0) {
            return "";
        }
        Map<String, Integer> names = new LinkedHashMap<>();
        List<String> last = new ArrayList<>();
        for (long i = Math.max(0, count - KEPT); i < count; i++) {
            int place = (int) i & (KEPT - 1);
            Launcher launcher = launchers[place];
            if (launcher != null) {
                names.merge(launcher.symbol(), 1, Integer::sum);
                if (i >= count - SHOWN) {
                    last.add("%s(%s)".formatted(launcher.symbol(), launcher.arguments(tensors[place], slots[place])));
                }
            }
        }
        return "%d kernels were launched since it last answered, %s; the last of them: %s"
                .formatted(count, names, String.join("; ", last));
    }
}
