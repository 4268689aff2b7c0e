package cloze.cuda.graph;

import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The launches since the last successful synchronization: own kernels, calls of libraries, copies. The error of a kernel is
 * reported by a later call, whose message lists the kernels that may have failed. Callers hold the lock of the queue.
 */
public final class LaunchLog {
    /** The source of a launch, for messages. */
    public interface Launched {
        String symbol();

        /** Arguments by their names, tensors by name, shape and type. */
        String arguments(@Nullable Tensor[] tensors, long[] slots);
    }

    private static final int KEPT = 256; // a power of two
    private static final int SHOWN = 4;

    private final @Nullable Object[] asked = new Object[KEPT]; // a Launched or a Work
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

    /** Forgets all launches, since they have run. */
    void clear() {
        count = 0;
    }

    /** A part of a sentence for messages; empty if nothing was launched. */
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
                                ? String.format(
                                        Locale.ROOT, "%s(%s)", name, launcher.arguments(tensors[place], slots[place]))
                                : String.valueOf(what));
            }
        }
        return String.format(
                Locale.ROOT,
                "%d kernels and copies were launched since it last answered, %s; the last of them: %s",
                count,
                names,
                String.join("; ", last));
    }
}
