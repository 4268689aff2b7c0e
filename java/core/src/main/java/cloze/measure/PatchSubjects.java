package cloze.measure;

import cloze.nn.RandomMask;
import cloze.op.GatherTokens;
import cloze.op.MaskedL1;
import cloze.op.MaskedMse;
import cloze.op.MeanPool;
import cloze.op.Patchify;
import cloze.op.RestoreTokens;
import cloze.tensor.Tensor;
import java.util.List;
import java.util.Locale;

/** The ops of masked autoencoders on B images of N patches, of which M are kept, and the drawing of their masks. */
final class PatchSubjects {
    private PatchSubjects() {}

    /** Images of {@code side} pixels and three channels. */
    static Subject patchify(int b, int side, int p) {
        return new Subject("Patchify", String.format(Locale.ROOT, "B%d S%d P%d", b, side, p), in -> {
            var op = new Patchify(in.real("x", b, side, side, 3), p);
            Cost cost = Subjects.bytes(in, 2, b * side, 3 * side);
            return in.both(op, cost, cost);
        });
    }

    static Subject gather(int b, int n, int m, int d) {
        return new Subject("GatherTokens", String.format(Locale.ROOT, "B%d N%d M%d D%d", b, n, m, d), in -> {
            Tensor ids = in.ids("ids", n, b, m);
            var op = new GatherTokens(in.real("x", b, n, d), ids);
            return in.both(op, Subjects.bytes(in, 2, b * m, d), Subjects.bytes(in, 1, b * (n + m), d));
        });
    }

    static Subject restore(int b, int n, int m, int d) {
        return new Subject("RestoreTokens", String.format(Locale.ROOT, "B%d N%d M%d D%d", b, n, m, d), in -> {
            var op = new RestoreTokens(in.real("x", b, m, d), in.single("mask_token", d), in.orders("ids", b, n));
            Cost cost = Subjects.bytes(in, 1, b * (n + m), d);
            return in.both(op, cost, cost);
        });
    }

    static Subject pool(int b, int n, int d) {
        return new Subject("MeanPool", String.format(Locale.ROOT, "B%d N%d D%d", b, n, d), in -> {
            Cost cost = Subjects.bytes(in, 1, b * (n + 1), d);
            return in.both(new MeanPool(in.real("x", b, n, d), null), cost, cost);
        });
    }

    /** With all patches hidden, and targets normalised. */
    static Subject loss(int b, int n, int d) {
        return new Subject("MaskedMse", String.format(Locale.ROOT, "B%d N%d D%d", b, n, d), in -> {
            var op = new MaskedMse(in.real("x", b, n, d), in.real("target", b, n, d), in.same("mask", 1, b, n), true);
            return in.both(op, Subjects.bytes(in, 2, b * n, d), Subjects.bytes(in, 3, b * n, d));
        });
    }

    /** With all patches hidden. */
    static Subject lossOfPixels(int b, int n, int d) {
        return new Subject("MaskedL1", String.format(Locale.ROOT, "B%d N%d D%d", b, n, d), in -> {
            var op = new MaskedL1(in.real("x", b, n, d), in.real("target", b, n, d), in.same("mask", 1, b, n));
            return in.both(op, Subjects.bytes(in, 2, b * n, d), Subjects.bytes(in, 3, b * n, d));
        });
    }

    /** With one token before the patches; all bytes moved are written. */
    static Subject randomMask(int b, int n, int m) {
        int lead = 1;
        return new Subject("RandomMask", String.format(Locale.ROOT, "B%d N%d M%d", b, n, m), in -> {
            Tensor keep = in.same("ids_keep", 0, b, m);
            Tensor restore = in.same("ids_restore", 0, b, lead + n);
            Tensor mask = in.same("mask", 0, b, n);
            RandomMask.Draw draw = in.backend().kernel(RandomMask.Draw.class);
            var cost = Cost.ofBytes((double) keep.bytes() + restore.bytes() + mask.bytes());
            return List.of(new Pass("draw", cost, () -> draw.call(keep, restore, mask, b, n, m, lead, 1, 0)));
        });
    }
}
