package cloze.model;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.nn.Block;
import cloze.nn.Init;
import cloze.nn.Linear;
import cloze.nn.Mlp;
import cloze.nn.Norm;
import cloze.nn.ParameterSource;
import cloze.nn.Parameters;
import cloze.nn.RandomMask;
import cloze.nn.Role;
import cloze.nn.SelfAttention;
import cloze.nn.SinCosPositions;
import cloze.op.Add;
import cloze.op.AttentionMask;
import cloze.op.GatherTokens;
import cloze.op.Heads;
import cloze.op.MaskedMse;
import cloze.op.MeanPool;
import cloze.op.Patchify;
import cloze.op.RestoreTokens;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntUnaryOperator;

/**
 * The masked autoencoder: an encoder that sees only the kept patches, and a decoder that predicts the pixels of the hidden
 * ones from what comes of it. Names of parameters are those of the paper's code.
 *
 * @see <a href="https://arxiv.org/abs/2111.06377">He et al. 2021, section 3</a>
 */
public final class Mae {
    private static final float EPSILON = 1e-6f;
    private static final Init TOKEN = Init.normal(0.02);

    /** The class token, which is never hidden. */
    private static final int LEAD = 1;

    private final MaeConfig config;
    private final Linear patchEmbed;
    private final Tensor classToken;
    private final Transformer encoder;
    private final Linear decoderEmbed;
    private final Tensor maskToken;
    private final Transformer decoder;
    private final Linear prediction;

    public Mae(MaeConfig config, ParameterSource p) {
        this.config = config;
        int d = config.encoder().width();
        int narrow = config.decoder().width();
        patchEmbed = linear(p.in("patch_embed.proj"), config.pixels(), d);
        classToken = p.parameter("cls_token", new Shape(d), Role.VECTOR, TOKEN);
        encoder = new Transformer(p, "blocks", "norm", config.encoder());
        decoderEmbed = linear(p.in("decoder_embed"), d, narrow);
        maskToken = p.parameter("mask_token", new Shape(narrow), Role.VECTOR, TOKEN);
        decoder = new Transformer(p, "decoder_blocks", "decoder_norm", config.decoder());
        prediction = linear(p.in("decoder_pred"), narrow, config.pixels());
    }

    private static Linear linear(ParameterSource p, int in, int out) {
        return Linear.of(p, in, out, true, Init.uniform(Math.sqrt(6.0 / (in + out)))); // Xavier
    }

    /** Pre-norm blocks with a norm at the end. */
    private static final class Transformer {
        private final List<Block> blocks = new ArrayList<>();
        private final Norm norm;

        Transformer(ParameterSource p, String blockName, String normName, MaeConfig.Stack stack) {
            for (int i = 0; i < stack.layers(); i++) {
                blocks.add(block(p.in(blockName + "." + i), stack));
            }
            norm = norm(p.in(normName), stack);
        }

        private static Norm norm(ParameterSource p, MaeConfig.Stack stack) {
            return Norm.of(p, Norm.Kind.LAYER, stack.width(), EPSILON);
        }

        private static Block block(ParameterSource p, MaeConfig.Stack stack) {
            int d = stack.width();
            Norm norm1 = norm(p.in("norm1"), stack);
            Linear qkv = linear(p.in("attn.qkv"), d, 3 * d);
            Linear projection = linear(p.in("attn.proj"), d, d);
            Norm norm2 = norm(p.in("norm2"), stack);
            Linear expand = linear(p.in("mlp.fc1"), d, 4 * d);
            Linear contract = linear(p.in("mlp.fc2"), 4 * d, d);
            Heads heads = Heads.of(stack.heads(), d / stack.heads());
            return new Block(
                    norm1,
                    new SelfAttention(qkv, projection, heads, 0, 0),
                    norm2,
                    new Mlp(expand, contract, Mlp.Kind.GELU_ERF),
                    0);
        }

        Tensor forward(Tape tape, Tensor x) {
            var view = new SelfAttention.View.Batch(new AttentionMask.None());
            var stream = new Norm.Residual(x, null);
            for (Block block : blocks) {
                stream = block.forward(tape, stream, view);
            }
            return norm.forward(tape, stream).y();
        }
    }

    public MaeConfig config() {
        return config;
    }

    /** A mask for a batch, that depends on the two numbers alone. */
    public RandomMask mask(Tape tape, int images, long seed, long offset) {
        return RandomMask.draw(tape, images, config.patches(), config.kept(), LEAD, seed, offset);
    }

    /**
     * The patches of a batch of images.
     *
     * @param images [B, H, W, C] row by row, normalised
     * @return [B, N, P P C]
     */
    public Tensor patches(Tape tape, float[] images) {
        int side = config.image();
        int b = images.length / (side * side * config.channels());
        Tensor x = real(tape, "images", images, b, side, side, config.channels());
        return tape.apply(new Patchify(x, config.patch()));
    }

    /** The loss over the hidden patches, a scalar, and the error of every patch [B, N]. */
    public List<Tensor> losses(Tape tape, Tensor patches, RandomMask mask) {
        Tensor predicted = predict(tape, patches, mask);
        return tape.applyAll(new MaskedMse(predicted, patches, mask.mask(), config.normalize()));
    }

    /** @return [B, N, P P C], the prediction for every patch, of which the hidden ones mean something */
    public Tensor predict(Tape tape, Tensor patches, RandomMask mask) {
        Tensor latent = encode(tape, patches, mask.idsKeep()); // [B, 1 + M, D]
        Tensor narrow = decoderEmbed.forward(tape, latent);
        Tensor full = tape.apply(new RestoreTokens(narrow, maskToken, mask.idsRestore())); // [B, 1 + N, decoder's D]
        Tensor decoded = decoder.forward(tape, tape.apply(new Add(full, decoderPositions(tape))));
        Tensor all = prediction.forward(tape, decoded);
        int n = config.patches();
        return tape.apply(new GatherTokens(all, ids(tape, "behind the class token", all, n, i -> LEAD + i)));
    }

    /**
     * The encoder over some patches, each at its own position.
     *
     * @param idsKeep [B, M] i32
     * @return [B, 1 + M, D], the class token first
     */
    public Tensor encode(Tape tape, Tensor patches, Tensor idsKeep) {
        Tensor placed = tape.apply(new Add(patchEmbed.forward(tape, patches), positions(tape))); // before masking
        return encoder.forward(tape, withClassToken(tape, tape.apply(new GatherTokens(placed, idsKeep))));
    }

    /** What a whole image is to the encoder: the mean of its patches' tokens, [B, D]. */
    public Tensor features(Tape tape, Tensor patches) {
        int n = config.patches();
        Tensor tokens = encode(tape, patches, ids(tape, "all patches", patches, n, i -> i));
        Tensor inner =
                tape.apply(new GatherTokens(tokens, ids(tape, "behind the class token", tokens, n, i -> LEAD + i)));
        return tape.apply(new MeanPool(inner, null));
    }

    /** Index M is none of the M tokens, so that the class token comes in its place. */
    private Tensor withClassToken(Tape tape, Tensor tokens) {
        int m = tokens.shape().extent(1);
        Tensor order = ids(tape, "class token first", tokens, LEAD + m, i -> i < LEAD ? m : i - LEAD);
        return tape.apply(new RestoreTokens(tokens, classToken, order));
    }

    private Tensor positions(Tape tape) {
        int d = config.encoder().width();
        return real(tape, "positions", SinCosPositions.grid(config.grid(), config.grid(), d), config.patches(), d);
    }

    /** The class token is at no position: zeros. */
    private Tensor decoderPositions(Tape tape) {
        int d = config.decoder().width();
        float[] grid = SinCosPositions.grid(config.grid(), config.grid(), d);
        var table = new float[LEAD * d + grid.length];
        System.arraycopy(grid, 0, table, LEAD * d, grid.length);
        return real(tape, "decoder_positions", table, LEAD + config.patches(), d);
    }

    /** The same indices for every image of the batch. */
    private static Tensor ids(Tape tape, String name, Tensor batch, int count, IntUnaryOperator index) {
        int b = batch.shape().extent(0);
        var values = new int[b * count];
        for (int i = 0; i < values.length; i++) {
            values[i] = index.applyAsInt(i % count);
        }
        return tape.backend().set(tape.scope().tensor(name, new Shape(b, count), DType.I32), values);
    }

    /** Values of the host in the precision of the device. */
    private static Tensor real(Tape tape, String name, float[] values, int... extents) {
        Backend backend = tape.backend();
        Tensor exact = backend.set(tape.scope().tensor(name, new Shape(extents), DType.F32), values);
        DType dtype = backend.precision().dtype();
        if (dtype == DType.F32) {
            return exact;
        }
        Tensor narrow = tape.scope().tensor(name, exact.shape(), dtype);
        backend.kernel(Parameters.Narrow.class).call(exact, narrow, values.length);
        return narrow;
    }
}
