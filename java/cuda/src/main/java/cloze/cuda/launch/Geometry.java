package cloze.cuda.launch;

import cloze.cuda.driver.Extent;
import java.util.List;

/**
 * The extents of a plan's launches for given sizes.
 *
 * @param scratch bytes, 0 for none
 */
record Geometry(List<Extent> extents, long scratch) {
    private static Geometry of(LaunchPlan plan, KernelSizes sizes) {
        List<Extent> extents =
                plan.stages().stream().map(stage -> stage.extent().apply(sizes)).toList();
        return new Geometry(extents, plan.scratch() == null ? 0 : plan.scratch().apply(sizes));
    }

    /**
     * The geometries of a plan, each computed once, since a model calls a kernel with the same few sizes again and again. The
     * key is the sizes that the plan asks for, so that a new seed needs no new entry. Callers hold the lock of the queue.
     */
    static final class Cache {
        private static final int PLACES = 64;

        private static final class Entry {
            private final long[] slots;
            private final Geometry geometry;

            Entry(long[] slots, Geometry geometry) {
                this.slots = slots;
                this.geometry = geometry;
            }

            private boolean fits(long[] other, long asked) {
                for (long rest = asked; rest != 0; rest &= rest - 1) {
                    int i = Long.numberOfTrailingZeros(rest);
                    if (slots[i] != other[i]) {
                        return false;
                    }
                }
                return true;
            }
        }

        private final LaunchPlan plan;
        private final Signature signature;
        private Entry[] entries = new Entry[PLACES];
        private long asked;

        Cache(LaunchPlan plan, Signature signature) {
            this.plan = plan;
            this.signature = signature;
        }

        Geometry of(long[] slots) {
            Entry entry = entries[place(slots)];
            if (entry != null && entry.fits(slots, asked)) {
                return entry.geometry;
            }
            var sizes = new KernelSizes(signature, slots);
            Geometry made = Geometry.of(plan, sizes);
            if ((sizes.asked() & ~asked) != 0) { // an entry may depend on more sizes than it was found by
                asked |= sizes.asked();
                entries = new Entry[PLACES];
            }
            entries[place(slots)] = new Entry(slots, made);
            return made;
        }

        private int place(long[] slots) {
            long hash = 0;
            for (long rest = asked; rest != 0; rest &= rest - 1) {
                hash = (hash + slots[Long.numberOfTrailingZeros(rest)]) * 0x9E3779B97F4A7C15L;
            }
            return (int) (hash >>> 58);
        }
    }
}
