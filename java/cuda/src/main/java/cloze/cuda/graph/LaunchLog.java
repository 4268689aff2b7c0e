package cloze.cuda.graph;

import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What was launched since the device last said that all is well, by own kernels, libraries or the driver. A kernel that fails is told by a later call, which then
 * can say who may have been it. Locked by whoever launches.
 */
public final class LaunchLog {
    /** A kernel, as messages name it. */
    public interface Launched {
        String symbol();

        /** Arguments by their names, tensors by name, shape and type. */
        String arguments(@Nullable Tensor[] tensors, long[] slots);
    }

    private static final int KEPT = 256; // a power of two
    private static final int SHOWN = 4;

    private final @Nullable Object[] asked = new Object[KEPT]; // a launcher or a work
    private final @Nullable Tensor[][] tensors = new Tensor[KEPT][];
    private final long[][] slots = new long[KEPT][];
    private long count;

    public void add(Launched launcher, @Nullable Tensor[] of, long[] with) {
        int place = place(launcher);
        tensors[place] = of;
        slots[place] = with;
    }

    void add(Work work) {
        place(work);
    }

    private int place(Object what) {
        int place = (int) count++ & (KEPT - 1);
        asked[place] = what;
        return place;
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
            Object what = asked[place];
            String name = what instanceof Launched launcher
                    ? launcher.symbol()
                    : what instanceof Work work ? work.name() : "";
            names.merge(name, 1, Integer::sum);
            if (i >= count - SHOWN) {
                last.add(
                        what instanceof Launched launcher
                                ? "%s(%s)".formatted(name, launcher.arguments(tensors[place], slots[place]))
                                : String.valueOf(what));
            }
        }
        return "%d kernels and copies were launched since it last answered, %s; the last of them: %s"
                .formatted(count, names, String.join("; ", last));
    }
}
