package cloze.bench.ours;

import cloze.autograd.Tape;
import cloze.bench.MaeShape;
import cloze.bench.Stack;
import cloze.nn.Block;
import cloze.nn.Init;
import cloze.nn.Linear;
import cloze.nn.Mlp;
import cloze.nn.Norm;
import cloze.nn.ParameterSource;
import cloze.nn.Role;
import cloze.nn.SelfAttention;
import cloze.op.Add;
import cloze.op.AttentionMask;
import cloze.op.GatherTokens;
import cloze.op.Heads;
import cloze.op.RestoreTokens;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;

/**
 * The masked autoencoder: encodes the kept patches and predicts the hidden ones from what comes of it.
 *
 * @see <a href="https://arxiv.org/abs/2111.06377">He et al. 2021, section 3</a>
 */
final class MaeModel {
    private static final float EPSILON = 1e-5f;
    private static final Init INIT = Init.normal(0.02);

    /**
     * What does not depend on the parameters.
     *
     * @param patches [B, N, P P C]
     * @param encoderPositions [N, D]
     * @param decoderPositions [N + 1, decoder's D]
     * @param kept [B, M] i32, the patches that are seen
     * @param withClass [B, M + 1] i32: the class token, that of index M, before the kept patches
     * @param restore [B, N + 1] i32: the class token and where each patch is, M + 1 or more where it is hidden
     */
    record Inputs(
            Tensor patches,
            Tensor encoderPositions,
            Tensor decoderPositions,
            Tensor kept,
            Tensor withClass,
            Tensor restore) {}

    private record Blocks(List<Block> blocks, Norm last) {
        static Blocks of(ParameterSource p, Stack stack) {
            var blocks = new ArrayList<Block>();
            for (int i = 0; i < stack.layers(); i++) {
                blocks.add(block(p.in("h." + i), stack));
            }
            return new Blocks(blocks, norm(p.in("ln_f"), stack));
        }

        Tensor forward(Tape tape, Tensor x) {
            var view = new SelfAttention.View.Batch(new AttentionMask.None());
            var stream = new Norm.Residual(x, null);
            for (Block block : blocks) {
                stream = block.forward(tape, stream, view);
            }
            return last.forward(tape, stream).y();
        }
    }

    private final Linear patchEmbed;
    private final Tensor classToken;
    private final Blocks encoder;
    private final Linear decoderEmbed;
    private final Tensor maskToken;
    private final Blocks decoder;
    private final Linear prediction;

    MaeModel(MaeShape shape, ParameterSource p) {
        int d = shape.encoder().width();
        int decoderWidth = shape.decoder().width();
        patchEmbed = Linear.of(p.in("patch_embed"), shape.pixels(), d, true, INIT);
        classToken = p.parameter("cls_token", new Shape(d), Role.VECTOR, INIT);
        encoder = Blocks.of(p.in("encoder"), shape.encoder());
        decoderEmbed = Linear.of(p.in("decoder_embed"), d, decoderWidth, true, INIT);
        maskToken = p.parameter("mask_token", new Shape(decoderWidth), Role.VECTOR, INIT);
        decoder = Blocks.of(p.in("decoder"), shape.decoder());
        prediction = Linear.of(p.in("decoder_pred"), decoderWidth, shape.pixels(), true, INIT);
    }

    private static Block block(ParameterSource p, Stack stack) {
        int d = stack.width();
        Linear qkv = Linear.of(p.in("attn.c_attn"), d, 3 * d, true, INIT);
        Linear projection = Linear.of(p.in("attn.c_proj"), d, d, true, INIT);
        Heads heads = Heads.of(stack.heads(), stack.headWidth());
        Linear expand = Linear.of(p.in("mlp.c_fc"), d, 4 * d, true, INIT);
        Linear contract = Linear.of(p.in("mlp.c_proj"), 4 * d, d, true, INIT);
        return new Block(
                norm(p.in("ln_1"), stack),
                new SelfAttention(qkv, projection, heads, 0, 0),
                norm(p.in("ln_2"), stack),
                new Mlp(expand, contract, Mlp.Kind.GELU_ERF),
                0);
    }

    private static Norm norm(ParameterSource p, Stack stack) {
        return Norm.of(p, Norm.Kind.LAYER, stack.width(), EPSILON);
    }

    /** @return [B, N + 1, P P C], the first of each image, for the class token, without meaning */
    Tensor predict(Tape tape, Inputs in) {
        Tensor all = tape.apply(new Add(patchEmbed.forward(tape, in.patches()), in.encoderPositions())); // [B, N, D]
        Tensor kept = tape.apply(new GatherTokens(all, in.kept())); // [B, M, D]
        Tensor seen = tape.apply(new RestoreTokens(kept, classToken, in.withClass())); // [B, M + 1, D]
        Tensor latent = decoderEmbed.forward(tape, encoder.forward(tape, seen)); // [B, M + 1, decoder's D]
        Tensor full = tape.apply(new RestoreTokens(latent, maskToken, in.restore())); // [B, N + 1, decoder's D]
        Tensor placed = tape.apply(new Add(full, in.decoderPositions()));
        return prediction.forward(tape, decoder.forward(tape, placed));
    }
}
